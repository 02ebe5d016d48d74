"""What people hand over: one value or many in whatever holds a column, labels and their ids, a table of numbers."""

import contextlib
import functools
import inspect
import math
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import DTypeLike, NDArray

MISSING = -1
"""The id of a missing month or region, in arrays, tensors and model inputs."""
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# The least whole number that a parameter of this name takes, where that is not 1.
_LEAST = dict.fromkeys(("seed", "warmup_steps", "most_negatives", "k", "furthest", "first", "second"), 0)
_LEAST |= {"max_sentences": 2, "max_pairs": 2}

# What files write for "not known", without capitals: pandas' own list and that of databases.
_MISSING_WORDS = frozenset(("-", "na", "n/a", "#n/a", "#na", "<na>", "nan", "-nan", "nat", "none", "null", "\\n"))

_UNCHECKED = {Any, Mapping, bool, complex}  # complex stands for whatever an array is made of
_WIDER: dict[Any, Any] = {Path: os.PathLike, **dict.fromkeys((Sequence, Collection, list, tuple), Iterable)}


def quoted(value: Any) -> str:
    """Return a value as an error message shows it: its ``repr`` in one line, cut at 80 characters."""
    text = repr(value[:100]) if isinstance(value, str | bytes) else " ".join(repr(value).split())
    return text if len(text) <= 80 else text[:77] + "..."


def is_missing(value: Any) -> bool:
    """Say whether a value stands for "not known": None, an empty text, NaN, NaT or `pandas.NA`."""
    if value is None or (isinstance(value, str) and value == ""):
        return True
    if type(value).__name__ in ("NAType", "NaTType"):  # pandas' own, recognised without importing pandas
        return True
    return isinstance(value, float | np.floating | np.datetime64) and bool(value != value)  # NaN and NaT alone


def is_missing_word(value: Any) -> bool:
    r"""Say whether a text is what files write for "not known": `NA`, `N/A`, `nan`, `None`, `NULL`, `\N`, `-`, ...

    Only a reader of files may take it so: in a list that a program hands over, a missing label is None.
    """
    return isinstance(value, str) and len(value) < 20 and value.strip().casefold() in _MISSING_WORDS


def one_or_many(values: Any, what: str) -> Any:
    """Return many values as a list, a tuple or a flat array, and a single one as it is.

    Parameters
    ----------
    values : one value, or a list, array, generator, pandas or polars Series, Arrow array or column of a data set
    what : str
        The word for one value in error messages.

    Raises
    ------
    ValueError
        For a table or a dict, whose columns would be taken for values; for a set, which has no order; and for an array
        that is not flat.
    """
    one, column = ("text", "text") if what == "sentence" else ("label", what)
    wrong = f"{what}s must be one {one} or a flat list of them, not"
    if isinstance(values, Mapping) or hasattr(values, "columns") or hasattr(values, "column_names"):
        raise ValueError(f"{wrong} a {type(values).__name__}; give its column, such as data[{column!r}]")
    if isinstance(values, set | frozenset):
        raise ValueError(f"{wrong} a {type(values).__name__}, which has no order")
    if hasattr(values, "to_pylist"):  # Arrow, whose own scalars are no text
        return values.to_pylist()
    if isinstance(values, Collection) and hasattr(values, "to_numpy"):  # a Timestamp would lose its time zone
        values = values.to_numpy()
    if getattr(values, "ndim", 0) > 1:
        raise ValueError(f"{wrong} an array of shape {tuple(values.shape)}")
    if isinstance(values, np.ndarray) and values.ndim == 0:  # it holds one value
        return values[()]
    if isinstance(values, str | bytes | np.generic | list | tuple | np.ndarray) or not isinstance(values, Iterable):
        return values
    return list(values)


def texts_of(sentences: str | Iterable[str]) -> list[str]:
    """One sentence, or many in anything that `one_or_many` takes, as a list."""
    many = one_or_many(sentences, "sentence")
    if isinstance(many, str):
        return [many]
    if not isinstance(many, list | tuple | np.ndarray):
        raise ValueError(f"give a sentence or a list of sentences, not {type(sentences).__name__}: {quoted(sentences)}")
    return list(many)


def whole_number(value: Any, name: str, least: int = 1) -> int:
    """Return a whole number of any type as an int: 32.0 and numpy's numbers too, but no text and no truth value."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not float(value).is_integer() or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {quoted(value)}")
    return int(value)


def check_columns(table: Any, columns: Sequence[str], name: str) -> None:
    """Raise ValueError if a data set or data frame has no rows or lacks a column."""
    present = list(table.column_names if hasattr(table, "column_names") else table.columns)
    for column in columns:
        if column not in present:
            raise ValueError(
                f"{name} has no column {column!r}; it has {', '.join(present) or 'none'}: rename one of them"
            )
    if len(table) == 0:
        raise ValueError(f"{name} is empty: give at least one row")


def number_table(given: Any, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Return numbers as an array, whatever their kind, strides and device; an empty one where they are no numbers.

    Parameters
    ----------
    given : array, tensor, DataFrame, nested list, or a list, Series, Arrow array or column of vectors
    dtype : numpy.dtype, optional
    """
    if hasattr(given, "detach"):  # a tensor, known without importing torch; numpy has no bfloat16
        given = (given.detach().double() if dtype == np.float64 else given.detach().float()).cpu().numpy()
    if hasattr(given, "to_pylist") and not hasattr(given, "columns"):
        given = given.to_pylist()
    if hasattr(given, "__array__"):
        with contextlib.suppress(TypeError, ValueError):
            return np.asarray(given, dtype=dtype)
    if getattr(given, "ndim", 1) == 1:
        with contextlib.suppress(TypeError, ValueError, RuntimeError):
            return np.array([np.asarray(row, dtype=dtype) for row in given])
    return np.empty(0, dtype=dtype)


class Labels:
    """Labels in a fixed order, mapped to ids and back: what `MonthRange` and `RegionSet` share."""

    kind: ClassVar[str]
    """The word for a label in error messages."""

    def __len__(self) -> int:
        raise NotImplementedError

    def __iter__(self) -> Iterator[str]:
        raise NotImplementedError

    def _id(self, value: Any) -> int:
        """The id of one label; ValueError if there is none."""
        raise NotImplementedError

    def ids(self, values: Any) -> Any:
        """Map one label to its id, or many labels to an array of ids.

        Parameters
        ----------
        values
            One label, or n of them in anything that holds a column; None, an empty text or NaN is a missing one. A
            month is anything that `parse_month` takes, a region a label or another name of one of the set's countries.

        Returns
        -------
        int or np.ndarray of int64, shape (n,)
            0 for the first label, -1 for a missing one.

        Raises
        ------
        ValueError
            If a value is no label, or not one of these.
        """
        values = one_or_many(values, self.kind)
        if not isinstance(values, list | tuple | np.ndarray):
            return self._id(values)
        id_of = functools.cache(self._id)
        if isinstance(values, np.ndarray) and values.dtype.kind != "M":
            values = values.tolist()  # Python's own objects look up about three times as fast as numpy's
        try:
            return np.fromiter((id_of(value) for value in values), dtype=np.int64, count=len(values))
        except TypeError:  # a list inside the list cannot be looked up
            inner = next((v for v in values if isinstance(v, Collection) and not isinstance(v, str)), values)
            raise ValueError(
                f"{self.kind}s must be one label or a flat list of them; it holds {quoted(inner)}"
            ) from None

    def labels(self, ids: Any) -> Any:
        """Map one id to its label, or many ids to an object array of labels; the inverse of `ids`.

        Parameters
        ----------
        ids : int or array of n integers

        Returns
        -------
        str or None, or np.ndarray of object, shape (n,)
            None where the id is -1.

        Raises
        ------
        ValueError
            If an id is neither -1 nor one of 0 to n - 1.
        """
        array, what, count = np.asarray(ids), self.kind, len(self)
        if array.ndim > 1:
            raise ValueError(f"{what} ids must be one number or a flat list, not an array of shape {array.shape}")
        if array.size == 0:
            return np.empty(0, dtype=object)
        if array.dtype.kind not in "iu":
            raise ValueError(f"{what} ids must be whole numbers, not {quoted(ids)}")
        bad = array[(array >= count) | ((array < MISSING) if array.dtype.kind == "i" else False)]
        if bad.size:
            raise ValueError(f"{what} id {bad.flat[0]} is outside 0..{count - 1} (or {MISSING} for a missing {what})")
        return np.array([*self, None], dtype=object)[array]  # -1 reads the last entry, None


def ids_for_each(known: Labels, labels: Any, count: int, name: str) -> NDArray[np.int64]:
    """Ids for `count` sentences: of one label for all, one each, or None; `name` is the word for them in errors."""
    if labels is None:
        return np.full(count, MISSING, dtype=np.int64)
    ids: NDArray[np.int64] | int = known.ids(labels)
    if isinstance(ids, int | np.integer):
        return np.full(count, ids, dtype=np.int64)
    if len(ids) != count:
        raise ValueError(f"{len(ids)} {name} for {count} sentences; give one for all, or one for each")
    return ids


def as_annotated(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Have a function called with what its annotations say, or with an error of one line that names the argument.

    Whole numbers of any type become ints, and tables become data sets (see `fitting`).
    """
    signature = inspect.signature(function)
    hints = functools.cache(lambda: get_type_hints(function))  # not before all modules are there

    @functools.wraps(function)
    def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        given = signature.bind(*args, **kwargs)
        for name, value in given.arguments.items():
            if name in hints():
                given.arguments[name] = fitting(value, name, hints()[name])
        return function(*given.args, **given.kwargs)

    return call


def fit_fields(instance: Any) -> None:
    """Check the fields of a new data class, frozen or not, as `as_annotated` does arguments."""
    hints = get_type_hints(type(instance))
    for field in fields(instance):
        object.__setattr__(instance, field.name, fitting(getattr(instance, field.name), field.name, hints[field.name]))


def fitting(value: Any, name: str, hint: Any) -> Any:
    """Return an argument as its annotation says: a whole number as an int, a table as a data set, others as they are.

    Only classes, of which the annotation may be a union, and choices are compared, and no elements.

    Raises
    ------
    ValueError
        For what does not fit, and for a NaN. A text never stands for a list.
    """
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if all(kind is NoneType or get_origin(kind) is Literal for kind in kinds):
        choices = [choice for kind in kinds for choice in get_args(kind) or (None,)]
        if value not in choices:
            allowed = ", ".join(repr(choice) for choice in choices if choice is not None)
            raise ValueError(f"{name} must be one of {allowed}, not {quoted(value)}")
        return value
    kinds = tuple(get_origin(kind) or kind for kind in kinds)
    checked = all(isinstance(kind, type) for kind in kinds) and not _UNCHECKED & {*kinds}
    if not checked or value is None and NoneType in kinds:
        return value
    if int in kinds and float not in kinds:
        return whole_number(value, name, _LEAST.get(name, 1))
    if float in kinds:
        if not isinstance(value, int | float | np.number) or isinstance(value, bool) or math.isnan(value):
            raise ValueError(f"{name} must be a number, not {quoted(value)}")
        if name == "level" and not 0 < value < 1:
            raise ValueError(f"level must lie between 0 and 1, as .95 for 95 %, not {quoted(value)}")
        return value
    if any(kind.__name__ == "SpaceTimeEncoder" for kind in kinds) and not _holds_data(value):
        return value  # a stand-in with the methods that are used will do
    if any(kind.__name__ == "Dataset" for kind in kinds):
        value = _data_set(value)
    if (
        not isinstance(value, tuple(_WIDER.get(kind, kind) for kind in kinds))
        or isinstance(value, str)
        and str not in kinds
    ):
        names = [kind.__name__ for kind in kinds if kind is not NoneType]
        plain = value is None or isinstance(value, str | bytes | int | float)
        raise ValueError(
            f"{name} must be a {' or a '.join(names)}, not {quoted(value) if plain else f'a {type(value).__name__}'}"
        )
    return value


def _holds_data(value: Any) -> bool:
    """Whether a value is of Python's own types or of a package of tables and arrays, so that it cannot be a model."""
    return type(value).__module__.split(".")[0] in {"builtins", "pathlib", "numpy", "pandas", "datasets", "pyarrow"}


def _data_set(value: Any) -> Any:
    """The data set of a corpus, a data frame or an Arrow table; anything else as it is."""
    import datasets
    import pandas as pd
    import pyarrow

    if isinstance(value, pd.DataFrame):
        return datasets.Dataset.from_pandas(value, preserve_index=False)
    if hasattr(value, "__arrow_c_stream__") and hasattr(value, "columns"):  # of pyarrow, polars
        return datasets.Dataset(pyarrow.table(value))
    return getattr(value, "dataset", value)
