"""What every exercise's check does: run the learner's function on a few cases, and say what is wrong with it.

An exercise knows the right answer, which is the package's own function wherever there is one, and the mistakes that
people make.  A mistake is a wrong function beside the sentence that explains it: an answer that gives the same results
as the wrong function made that mistake.  So no sentence stands here that no answer can get, and the tests go through
all of them.

>>> def double(x: float) -> float:
...     return 2 * x
>>> check = Checks((Exercise("00", double, {"three": (3.0,)}, "6 from 3", (Mistake("squared", lambda x: x * x),)),))
>>> check(double)
passed: 6 from 3
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NO_ANSWER = "returns nothing; is there a `return`?"
ARGUMENTS_CHANGED = "the result is right, but the function changes what it was given; work on a copy"


class WrongAnswer(AssertionError):
    """What is wrong with an answer, in one sentence; a notebook shows it without the way through this module."""

    def _render_traceback_(self) -> list[str]:  # IPython asks for it
        return [f"{type(self).__name__}: {self}"]


@dataclass(frozen=True)
class Mistake:
    """A wrong way that a check knows.

    Parameters
    ----------
    says
        What is wrong, for the person who made it.
    example
        A function that makes the mistake.
    """

    says: str
    example: Callable[..., Any]


@dataclass(frozen=True)
class Exercise:
    """One exercise of a lesson.

    Parameters
    ----------
    lesson
        Its number, two digits.
    right
        The right answer; its name is the name that the learner's function (or class) has.
    cases
        What the function is run on: a few words and the arguments.
    passed
        What a right answer has shown, in one line.
    mistakes
        The diagnoses that the check can give, the first that fits first.
    view
        What is compared where many answers are right: of result and arguments.  None for the result itself.
    tolerance
        Relative and absolute, in which results agree.
    run
        How an answer is tried on a case, of answer and arguments; None calls it.  A class is built first, then used.
    """

    lesson: str
    right: Callable[..., Any]
    cases: Mapping[str, tuple[Any, ...]]
    passed: str
    mistakes: tuple[Mistake, ...]
    view: Callable[..., Any] | None = None
    tolerance: float = 1e-5
    run: Callable[..., Any] | None = None

    @property
    def name(self) -> str:
        """The name of the function or class that is asked for."""
        return self.right.__name__

    def check(self, answer: Callable[..., Any]) -> None:
        """Print that `answer` is right, or raise an AssertionError that says what is wrong.

        A NotImplementedError of the answer comes through as it is: nothing has been written yet.
        """
        __tracebackhide__ = True  # a notebook shows the learner's own lines, not ours
        expected, given = self._outcomes(self.right), self._outcomes(answer)
        wrong = [case for case in self.cases if not self._same(expected[case], given[case])]
        if not wrong:
            changed = [case for case in self.cases if given[case].changed]
            if changed:
                raise WrongAnswer(f"{self.name}: {ARGUMENTS_CHANGED} (case: {changed[0]})")
            print(f"passed: {self.passed}")
            return
        for mistake in self.mistakes:
            theirs = self._outcomes(mistake.example)
            if all(self._same(theirs[case], given[case]) for case in self.cases):
                raise WrongAnswer(f"{self.name}: {mistake.says}")
        case = wrong[0]
        said = f"{self.name}: {self._difference(expected[case], given[case])} (case: {case})"
        if error := given[case].error:
            raise AssertionError(said) from error  # with the traceback: where in the answer was it?
        raise WrongAnswer(said)

    def _outcomes(self, function: Callable[..., Any]) -> "dict[str, _Outcome]":
        __tracebackhide__ = True
        outcomes = {}
        for case, arguments in self.cases.items():  # no comprehension: it would show up in tracebacks
            outcomes[case] = self._outcome(function, arguments)
        return outcomes

    def _outcome(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> "_Outcome":
        __tracebackhide__ = True
        own = copy.deepcopy(arguments)
        try:
            result = function(*own) if self.run is None else self.run(function, *own)
        except NotImplementedError:
            raise
        except Exception as error:
            return _Outcome(None, error, False)
        seen = result
        if self.view is not None and result is not None:
            try:
                seen = self.view(result, *arguments)
            except Exception:  # not of a form that can be looked at: compared as it is, and so found wrong
                seen = result
        return _Outcome(_plain(seen), None, not _equal(_plain(own), _plain(arguments), 0.0))

    def _same(self, one: "_Outcome", other: "_Outcome") -> bool:
        if one.error is not None or other.error is not None:
            return type(one.error) is type(other.error)
        return _equal(one.seen, other.seen, self.tolerance)

    def _difference(self, expected: "_Outcome", given: "_Outcome") -> str:
        """What can be said of a wrong result of which no known mistake gives an account."""
        if given.error is not None:
            return f"raised {type(given.error).__name__}: {given.error}"
        if expected.error is not None:
            return f"should raise {type(expected.error).__name__}, but returned {_said(given.seen)}"
        if given.seen is None:
            return NO_ANSWER
        one, other = expected.seen, given.seen
        if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
            if one.shape != other.shape:
                return f"the result has shape {other.shape}, not {one.shape}"
            if np.isnan(other).any() and not np.isnan(one).any():
                return "the result holds NaN"
        elif type(one) is not type(other):
            return f"the result is {_said(other)}, which is not of the kind of {_said(one)}"
        digits = 4 if _said(one) != _said(other) else 12  # near misses need more digits to be told apart
        return f"the result is {_said(other, digits)}, not {_said(one, digits)}"


@dataclass(frozen=True)
class Checks:
    """The checks of a lesson, called with the learner's function: ``check(masked_mean)``."""

    exercises: tuple[Exercise, ...]

    def __call__(self, answer: Callable[..., Any]) -> None:
        """Check a function by its name; ValueError if no exercise asks for one of that name."""
        __tracebackhide__ = True
        known = {exercise.name: exercise for exercise in self.exercises}
        name = getattr(answer, "__name__", repr(answer))
        if name not in known:
            raise ValueError(f"no exercise asks for {name!r}; this lesson's ask for {', '.join(known)}")
        known[name].check(answer)


@dataclass(frozen=True)
class _Outcome:
    seen: Any  # as `_plain` makes it
    error: Exception | None
    changed: bool  # whether the arguments were


def _plain(value: Any) -> Any:
    """Numbers of any library as a float64 array; texts as they are; tables by name as dicts; other rows as tuples."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return tuple(_plain(item) for item in value) if isinstance(value, Sequence) else repr(value)


def _equal(one: Any, other: Any, tolerance: float) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.shape == other.shape and np.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(_equal(a, b, tolerance) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key], tolerance) for key in one)
    return type(one) is type(other) and bool(one == other)


def _said(value: Any, digits: int = 4) -> str:
    """A result in one short line, numbers with so many significant digits."""
    if isinstance(value, np.ndarray):
        shown = {"float_kind": lambda number: f"{number:.{digits}g}"}
        text = np.array2string(value + 0.0, threshold=12, separator=", ", formatter=shown)  # type: ignore[arg-type]
        return " ".join(text.split())
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_said(item, digits)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple):
        return "(" + ", ".join(_said(item, digits) for item in value) + ")"
    return repr(value)
