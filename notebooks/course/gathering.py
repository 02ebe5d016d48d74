"""Runs of one lesson, with other parameters or seeds, gathered into one table with intervals.

Every run leaves a `result.json` (`course.record`), to which the course adds its parameters and seconds. Here
they become a row each; runs that differ in their seed alone become a mean with an interval. Lesson 10 derives the
interval and says why two ways of the same seeds are compared pair by pair.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from course.recording import output_folder

# pandas and scipy take a second to load, which looking at `course` shall not.
if TYPE_CHECKING:
    import pandas as pd

DURATION = "seconds"
"""Column of a run's wall-clock time; NaN for a run by hand."""


class Interval(NamedTuple):
    """A mean and the ends of its interval; the ends are NaN where a single value gives none."""

    mean: float
    low: float
    high: float


def t_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Mean of independent values, such as one a seed, with its t-interval.

    mean ± t s / √n, with s the standard deviation of the n values (n - 1 below the line) and t the quantile of
    Student's distribution with n - 1 degrees of freedom: 4.30 for three values, where the normal distribution's 1.96
    would hold the true mean in 81 of 100 cases only (lesson 10).

    Parameters
    ----------
    values
        One or more finite numbers. One value has no interval.
    confidence
        Between 0 and 1.

    Raises
    ------
    ValueError
        No values, one that is not finite, or a confidence out of range.

    Examples
    --------
    >>> [round(number, 3) for number in t_interval([0.80, 0.82, 0.87])]
    [0.83, 0.74, 0.92]
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or len(numbers) == 0 or not np.isfinite(numbers).all():
        raise ValueError(f"an interval needs a row of one or more finite numbers, not {list(values)!r}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence!r} is not between 0 and 1")
    mean = float(numbers.mean())
    if len(numbers) == 1:
        return Interval(mean, float("nan"), float("nan"))
    from scipy.stats import t

    half = float(t.ppf((1 + confidence) / 2, len(numbers) - 1) * numbers.std(ddof=1) / np.sqrt(len(numbers)))
    return Interval(mean, mean - half, mean + half)


@dataclass(frozen=True)
class GatheredRuns:
    """The runs of a lesson that were found; ``str()`` is the summary as a page.

    Parameters
    ----------
    lesson
        Its number.
    runs
        One row a run: `folder` (seen from where was looked), `profile` (empty for a run by hand), parameters,
        metrics, seconds.
    parameters, metrics
        Which columns are what. A metric of a parameter's name has "recorded_" before it.
    left_out
        What looked like a run and could not be used: "folder: reason".
    repeated
        Older runs with the same parameters as a newer one, which alone stands in the table: "folder: which".
    """

    lesson: str
    runs: "pd.DataFrame"
    parameters: list[str]
    metrics: list[str]
    left_out: list[str]
    repeated: list[str]

    @property
    def varied(self) -> list[str]:
        """The parameters that are not the same in all runs."""
        return [name for name in self.parameters if self.runs[name].nunique(dropna=False) > 1]

    def summary(self, seed: str = "seed") -> "pd.DataFrame":
        """Mean over seeds, with its 95 % t-interval, of each metric in each setting of the other parameters.

        Parameters
        ----------
        seed
            The parameter whose values are repetitions of one setting.

        Returns
        -------
        DataFrame
            Columns: the other parameters that vary, then metric, mean, low, high (NaN for one run), runs.
            Texts among the metrics have no mean and no row.
        """
        import pandas as pd

        settings = [name for name in self.varied if name != seed]
        groups = list(self.runs.groupby(settings, dropna=False, sort=False)) if settings else [((), self.runs)]
        rows = []
        for setting, group in sorted(groups, key=lambda item: [_rank(value) for value in item[0]]):
            for metric in self._numbers():
                values = group[metric].dropna()
                if len(values):
                    rows.append((*setting, metric, *t_interval(values.tolist()), len(values)))
        return pd.DataFrame(rows, columns=[*settings, "metric", *Interval._fields, "runs"])

    def differences(self, parameter: str, one: Any, other: Any) -> "pd.DataFrame":
        """Each metric of `one` minus that of `other`, pair by pair of runs that differ in `parameter` alone.

        What two runs of one seed share (held-out sentences, order, first weights) moves both and leaves their
        difference, so its interval is narrower than those of the two means suggest.

        Parameters
        ----------
        parameter, one, other
            ``"conditioning", "prefix", "late"``: its name and two of its values.

        Returns
        -------
        DataFrame
            Columns metric, mean, low, high (NaN for one pair), pairs.

        Raises
        ------
        ValueError
            The parameter or a value of it is unknown, or no two runs differ in it alone.
        """
        import pandas as pd

        if parameter not in self.parameters:
            raise ValueError(f"lesson {self.lesson} has no parameter {parameter!r}: {', '.join(self.parameters)}")
        values = self.runs[parameter]
        for value in (one, other):
            if not (values == value).any():
                known = ", ".join(sorted(map(repr, values.unique().tolist())))
                raise ValueError(f"no run has {parameter} = {value!r}; there are {known}")
        same = [name for name in self.varied if name != parameter]
        # With no other parameter there is one run of each value: a constant pairs them.
        first, second = (self.runs[values == value].assign(_all=0) for value in (one, other))
        pairs = first.merge(second, on=[*same, "_all"], suffixes=("", "\0"))
        if pairs.empty:
            raise ValueError(f"no two runs differ in {parameter} alone ({one!r}, {other!r}); run both with one seed")
        rows = []
        for metric in self._numbers():
            change = (pairs[metric] - pairs[f"{metric}\0"]).dropna()
            if len(change):
                rows.append((metric, *t_interval(change.tolist()), len(change)))
        return pd.DataFrame(rows, columns=["metric", *Interval._fields, "pairs"])

    def _numbers(self) -> list[str]:
        return [name for name in self.metrics if self.runs[name].dtype == np.float64]

    def __str__(self) -> str:
        """Mean ± half the interval of each metric, settings across; then what is the same, repeated and left out."""
        summary = self.summary()
        settings = [name for name in summary.columns if name not in ("metric", *Interval._fields, "runs")]
        half = (summary["high"] - summary["mean"]).tolist()
        summary["cell"] = [
            f"{mean:.4g}" + ("" if np.isnan(width) else f" ± {width:.2g}")
            for mean, width in zip(summary["mean"], half, strict=True)
        ]
        order = list(dict.fromkeys(summary["metric"]))
        summary[settings] = summary[settings].astype(object).fillna("-")
        table = summary.pivot(index="metric", columns=settings, values="cell").loc[order].fillna("-")
        if not settings:
            table.columns = ["mean"]
        fixed = [f"{name}={self.runs[name].iloc[0]}" for name in self.parameters if name not in self.varied]
        lines = [
            f"lesson {self.lesson}, {len(self.runs)} runs: mean over seeds ± half of its 95 % t-interval (one: none)",
            "",
            table.rename_axis(index=None).to_string(),
            "",
            f"runs: {', '.join(self.runs['folder'])}",
            *([f"the same in all: {', '.join(fixed)}"] if fixed else []),
            *(f"repeated, not counted: {line}" for line in self.repeated),
            *(f"left out: {line}" for line in self.left_out),
        ]
        return "\n".join(lines)


def runs_folder(output: str | Path) -> Path:
    """The folder `runs` in which a lesson's output folder lies, however deep; the output folder itself where none is.

    Examples
    --------
    >>> runs_folder("../runs/quick-changed/0a1b2c3d").name
    'runs'
    """
    output = output_folder(output)
    return next((folder for folder in (output, *output.parents) if folder.name == "runs"), output)


def gather(folder: str | Path, lesson: str = "10") -> GatheredRuns:
    """Gather every run of a lesson below a folder: profiles' runs, changed runs and runs by hand alike.

    Parameters
    ----------
    folder
        Such as `runs`; `python -m course run` gives each choice of parameters a folder of its own below it.
    lesson
        Its number.

    Raises
    ------
    FileNotFoundError
        There is no such folder, or no run of the lesson in it.
    ValueError
        None of the runs can be used.
    """
    import pandas as pd

    folder = Path(folder)
    lesson = str(lesson).zfill(3 if str(lesson)[-1:].isalpha() else 2)
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}; name the one that holds the runs")
    found = sorted(path for path in folder.rglob(lesson) if path.is_dir() and _is_run(path))
    found += sorted(path.parent for path in folder.rglob(f"{lesson}/*/result.json"))  # runs/<lesson>/<hash>
    if not found:
        raise FileNotFoundError(f"no run of lesson {lesson} in {folder}; first: python -m course run --lesson {lesson}")
    left_out: list[str] = []
    repeated: list[str] = []
    newest: dict[str, tuple[str, dict[str, Any]]] = {}
    for run in sorted(found, key=lambda run: _modified(run / "result.json")):
        name = (run.parent if run.name == lesson else run).relative_to(folder).as_posix()
        try:
            result = _read(run)
        except ValueError as error:
            left_out.append(f"{name}: {error}")
            continue
        key = json.dumps({name: _rank(value) for name, value in result["parameters"].items()}, sort_keys=True)
        if key in newest and newest[key][1] == result:
            continue  # one run, kept in two places
        if key in newest:
            repeated.append(f"{newest[key][0]}: the parameters of {name}, which is newer")
        newest[key] = (name, result)
    if not newest:
        raise ValueError(f"no run of lesson {lesson} in {folder} can be used: {'; '.join(left_out)}")

    used = sorted(newest.values(), key=lambda item: item[0])
    parameters = list(dict.fromkeys(name for _, result in used for name in result["parameters"]))
    taken = {"folder", "profile", DURATION, *parameters}
    columns = {name: f"recorded_{name}" if name in taken else name for _, result in used for name in result["metrics"]}
    rows = []
    for name, result in used:
        row = {"folder": name, "profile": result.get("profile", "")}
        row |= {key: _cell(result["parameters"].get(key)) for key in parameters}
        row |= {column: result["metrics"].get(key) for key, column in columns.items()}
        rows.append(row | {DURATION: float(result.get("seconds", "nan"))})
    # As objects, so that whole numbers and texts stay what they are beside a missing one.
    table = pd.DataFrame(rows, dtype=object).infer_objects()
    for column in columns.values():
        if table[column].dropna().map(type).isin([int, float]).all():
            table[column] = table[column].astype(np.float64)
    return GatheredRuns(lesson, table, parameters, list(columns.values()), left_out, repeated)


def _is_run(folder: Path) -> bool:
    return (folder / "result.json").exists() or (folder / "papermill.log").exists()


def _modified(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0


def _read(run: Path) -> dict[str, Any]:
    """A run's result.json; ValueError says why it cannot be used."""
    path = run / "result.json"
    if not path.exists():
        raise ValueError(f"no result.json; {_how_it_ended(run)}")
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # JSON's and Unicode's own
        raise ValueError(f"result.json is not JSON ({error})") from error
    if not isinstance(result, dict) or not isinstance(result.get("metrics"), dict):
        raise ValueError("result.json has no table of metrics")
    if result.get("status", "ok") != "ok":
        raise ValueError(f"the lesson {_how_it_ended(run)} after it had recorded")
    if not isinstance(result.get("parameters"), dict):
        raise ValueError("result.json does not say its parameters; run the lesson by `python -m course run`")
    return result


def _how_it_ended(run: Path) -> str:
    """What the course's table says of a lesson that left no result to use."""
    try:
        lessons = json.loads((run.parent / "results.json").read_text(encoding="utf-8"))["lessons"]
        ended = next(lesson for lesson in lessons if lesson["lesson"] == run.name)
        return f"{ended['status']} {ended['reason']}" if ended["status"] != "ok" else "recorded no figure"
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return "still running, or broken off"


def _cell(value: Any) -> Any:
    """A parameter as a table's cell, where a list could not be compared."""
    return json.dumps(value) if isinstance(value, list | dict) else value


def _rank(value: Any) -> tuple[int, float, str]:
    """What sorts parameter values of any types, and is the same for 1 and 1.0."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (0, float(value), "") if number and value == value else (1, 0.0, str(value))
