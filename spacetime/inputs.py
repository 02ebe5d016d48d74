"""What people hand over: one value or many in whatever holds a column, a table of numbers in whatever holds one."""

import contextlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

MISSING = -1
"""The id of a missing month or region, in arrays, tensors and model inputs."""


def quoted(value: Any) -> str:
    """Return a value as an error message shows it: its ``repr`` in one line, cut at 80 characters."""
    text = repr(value[:100]) if isinstance(value, str | bytes) else " ".join(repr(value).split())
    return text if len(text) <= 80 else text[:77] + "..."


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


def ids_for_each(known: Any, labels: Any, count: int, name: str) -> NDArray[np.int64]:
    """Labels given as one for all, one each, or None, to `count` ids.

    Parameters
    ----------
    known : MonthRange or RegionSet
    labels : one label, many, or None
    count : int
        Number of sentences.
    name : str
        The word for the labels in error messages.
    """
    if labels is None:
        return np.full(count, MISSING, dtype=np.int64)
    ids = known.ids(labels)
    if isinstance(ids, int | np.integer):
        return np.full(count, ids, dtype=np.int64)
    if len(ids) != count:
        raise ValueError(f"{len(ids)} {name} for {count} sentences; give one for all, or one for each")
    return ids
