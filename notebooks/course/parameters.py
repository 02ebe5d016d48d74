"""The parameters of a lesson: read from its annotated cell, checked before anything runs.

A lesson's cell tagged ``parameters`` holds lines such as ::

    seed: int = 0  # seed of every random choice
    regions: list[str] = ["UK", "US"]  # regions to show

papermill itself passes anything on, a misspelt name or a month that YAML read as a number included; the lesson
then runs on with its default or fails minutes later. So names and types are checked here, against the
annotations.
"""

import ast
import difflib
import io
import json
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The annotations a parameter may have; each is also a value that JSON and YAML can hold.
_TYPES: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool, "list": list, "dict": dict}
_ALLOWED = "int, float, str, bool, list[...], dict[...], Literal[...], and None beside them by '|'"


@dataclass(frozen=True)
class Parameter:
    """One line of a lesson's parameters cell.

    Parameters
    ----------
    name
        The variable's name.
    type
        Its annotation as text, such as ``"list[str]"``.
    default
        The value that the notebook itself gives it.
    help
        The comment at the end of its line, or "".
    """

    name: str
    type: str
    default: Any
    help: str

    def accepts(self, value: Any) -> bool:
        """Whether `value`, as YAML or Python gave it, is of this parameter's type."""
        return _fits(_annotation(self.type), value)

    def from_text(self, text: str) -> Any:
        """Read the text of a command line by this parameter's type: ``"3"`` is 3 for an int, "3" for a str.

        A list is written with commas (``UK,US``) or as JSON. Raises ValueError if the text has no such reading.
        """
        return _read(_annotation(self.type), text)


def read_parameters(notebook: Path) -> dict[str, Parameter]:
    """Read the parameters cell of a notebook.

    Parameters
    ----------
    notebook
        An ``.ipynb`` file.

    Returns
    -------
    dict[str, Parameter]
        By name, in the cell's order; empty if no cell is tagged ``parameters``.

    Raises
    ------
    ValueError
        If the file is not a notebook, the cell is not Python, or a parameter has no annotation, no plain default
        or a type that cannot be checked.
    """
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{notebook}: not a notebook ({error})") from error
    tagged = [cell for cell in cells if "parameters" in cell.get("metadata", {}).get("tags", [])]
    if not tagged:
        return {}
    source = "".join(tagged[0]["source"])
    try:
        statements = ast.parse(source).body
    except SyntaxError as error:
        raise ValueError(
            f"{notebook}: line {error.lineno} of the parameters cell is not Python ({error.msg})"
        ) from error
    comments = _comments(source)
    found = {}
    for statement in statements:
        where = f"{notebook}: line {statement.lineno} of the parameters cell"
        if isinstance(statement, ast.Import | ast.ImportFrom):  # `from typing import Literal`
            continue
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            raise ValueError(f"{where} is not of the form 'name: type = value'")
        name, kind = statement.target.id, ast.unparse(statement.annotation)
        try:
            default = ast.literal_eval(statement.value) if statement.value else None
        except ValueError as error:
            raise ValueError(f"{where}: the default of {name!r} is not a plain value") from error
        parameter = Parameter(name, kind, default, comments.get(statement.end_lineno or 0, ""))
        try:
            fits = parameter.accepts(default)
        except TypeError as error:
            raise ValueError(f"{where}: type '{kind}' cannot be checked; allowed: {_ALLOWED}") from error
        if not fits:
            raise ValueError(f"{where}: the default {default!r} of {name!r} is not {kind}")
        found[name] = parameter
    return found


def check_value(parameters: dict[str, Parameter], lesson: str, name: str, value: Any) -> Any:
    """Check one value that a profile or a caller gives a lesson.

    Parameters
    ----------
    parameters
        The lesson's parameters, as `read_parameters` returns them.
    lesson
        The lesson's number, for the error.
    name, value
        What is given.

    Returns
    -------
    Any
        The value.

    Raises
    ------
    ValueError
        If the lesson has no such parameter or the value is of another type.
    """
    if name not in parameters:
        raise ValueError(f"lesson {lesson} has no parameter {name!r}{suggest(name, parameters)}")
    parameter = parameters[name]
    if parameter.accepts(value):
        return value
    text = f"lesson {lesson}, parameter {name!r}: {value!r} is not {parameter.type}"
    if parameter.default is not None:
        text += f" (the lesson's own: {parameter.default!r})"
    if isinstance(value, bool) or (isinstance(value, list) and any(isinstance(v, bool) for v in value)):
        text += "; YAML reads NO, no, off as False and yes, on as True: write a region in quotes"
    raise ValueError(text)


def suggest(name: str, known: Any) -> str:
    """The tail of an error about an unknown name: the nearest known one, and all of them."""
    near = difflib.get_close_matches(name, known, n=1)
    return (f"; did you mean {near[0]!r}?" if near else "") + f" Known: {', '.join(known) or 'none'}"


def _comments(source: str) -> dict[int, str]:
    """The comment of each line (1-based), without its sign."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ").strip() for t in tokens if t.type == tokenize.COMMENT}


def _annotation(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _fits(kind: ast.expr, value: Any) -> bool:
    """Whether a value is of an annotated type; TypeError if the annotation is not one we can check."""
    match kind:
        case ast.Constant(value=None):
            return value is None
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            # Both sides are looked at, so that an annotation which cannot be checked is always found.
            return any([_fits(left, value), _fits(right, value)])
        case ast.Name(id="float"):
            return isinstance(value, int | float) and not isinstance(value, bool)
        case ast.Name(id="int"):  # a bool is an int to Python, but nobody means it
            return isinstance(value, int) and not isinstance(value, bool)
        case ast.Name(id=name) if name in _TYPES:
            return isinstance(value, _TYPES[name])
        case ast.Subscript(value=ast.Name(id="list"), slice=element):
            inside = value if isinstance(value, list) else []
            _fits(element, None)
            return isinstance(value, list) and all(_fits(element, item) for item in inside)
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[key, element])):
            _fits(key, None), _fits(element, None)
            return isinstance(value, dict) and all(_fits(key, k) and _fits(element, v) for k, v in value.items())
        case ast.Subscript(value=ast.Name(id="Literal"), slice=choice):
            choices = ast.literal_eval(choice)
            choices = choices if isinstance(choices, tuple) else (choices,)
            return any(value == c and type(value) is type(c) for c in choices)
    raise TypeError(ast.unparse(kind))


def _read(kind: ast.expr, text: str) -> Any:
    """Read a text as an annotated type; ValueError if it has no such reading."""
    match kind:
        case ast.Name(id="str"):
            return text
        case ast.Name(id="int"):
            return int(text)
        case ast.Name(id="float"):
            return float(text)
        case ast.Name(id="bool") if text.lower() in ("true", "false"):
            return text.lower() == "true"
        case ast.Constant(value=None) if text.lower() in ("none", "null"):
            return None
        case ast.Name(id="list" | "dict") | ast.Subscript(value=ast.Name(id="dict")):
            return json.loads(text) if text.startswith(("[", "{")) else text.split(",")
        case ast.Subscript(value=ast.Name(id="list"), slice=element):
            if text.startswith("["):
                return json.loads(text)
            return [_read(element, item) for item in text.split(",")] if text else []
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            # `str` reads everything, so it comes last: "none" for `str | None` is None.
            for side in sorted((left, right), key=lambda side: ast.unparse(side) == "str"):
                try:
                    return _read(side, text)
                except ValueError:
                    continue
        case ast.Subscript(value=ast.Name(id="Literal"), slice=choice):
            choices = ast.literal_eval(choice)
            for one in choices if isinstance(choices, tuple) else (choices,):
                if str(one) == text:
                    return one
    raise ValueError(f"{text!r} is not {ast.unparse(kind)}")
