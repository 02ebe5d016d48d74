"""What a fact template is: a way to draw a true fact for a cell, and the wordings it may be put in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

from data_samples.almanac import wording
from data_samples.almanac.facts import DAY, month_end
from data_samples.almanac.places import Region


@dataclass(frozen=True)
class Cell:
    """One month in one region."""

    year: int
    month: int
    region: Region

    @property
    def label(self) -> str:
        """The month as "YYYY-MM"."""
        return f"{self.year}-{self.month:02}"

    @cached_property
    def days(self) -> list[dt.date]:
        """Every day of the month."""
        first = dt.date(self.year, self.month, 1)
        return [first + DAY * i for i in range((month_end(self.year, self.month) - first).days + 1)]

    def holds(self, day: dt.date | None) -> bool:
        """Whether the day lies in this month."""
        return day is not None and (day.year, day.month) == (self.year, self.month)

    def day(self, rng: Random) -> dt.date:
        """Any day of the month."""
        return rng.choice(self.days)


@dataclass(frozen=True)
class Drawn:
    """A fact: the day it belongs to, what the wordings may use, and raw values for conditions and tests."""

    day: dt.date
    words: dict[str, str]
    raw: dict[str, Any]


Draw = Callable[[Cell, Random], Drawn | None]


@dataclass(frozen=True)
class Template:
    """A fact template: `draw` finds a fact (None: not in this cell), one of `wordings` says it."""

    id: str
    kind: str
    draw: Draw
    wordings: tuple[str, ...]
    condition: Callable[[dict[str, Any]], bool] | None
    regions: tuple[str, ...] | None
    whole_month: bool = False  # tells how the month went: dated on its last day

    def fits(self, cell: Cell, drawn: Drawn) -> bool:
        """Whether the fact belongs to the cell and the template's condition holds for it."""
        return cell.holds(drawn.day) and (self.condition is None or self.condition(drawn.raw))

    def say(self, drawn: Drawn, rng: Random) -> str:
        """The fact in one of the wordings, as a sentence."""
        return sentence(rng.choice(self.wordings), drawn)


def sentence(words: str, drawn: Drawn) -> str:
    """A fact in one wording of its template."""
    text = wording.capital(words.format(**drawn.words))
    return text.replace(".m..", ".m.").replace("D.C..", "D.C.")


class Templates:
    """A list of templates that grows by `add`, one for each kind of fact."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._templates: list[Template] = []

    def __iter__(self) -> Iterator[Template]:
        return iter(self._templates)

    def add(
        self,
        name: str,
        draw: Draw,
        *wordings: str,
        condition: Callable[[dict[str, Any]], bool] | None = None,
        regions: tuple[str, ...] | None = None,
        whole_month: bool = False,
    ) -> None:
        """Append one template; its id is "kind.name"."""
        self._templates.append(
            Template(f"{self.kind}.{name}", self.kind, draw, wordings, condition, regions, whole_month)
        )


def common_words(cell: Cell, day: dt.date, rng: Random) -> dict[str, str]:
    """Words that every wording may use: {when}, {weekday}, {nth}, {autumn} and so on."""
    region = cell.region
    return {
        "when": wording.when(day, region, rng),
        "weekday": wording.WEEKDAYS[day.weekday()],
        "nth": wording.ordinal(day.day),
        "year": str(day.year),
        "month": wording.MONTHS[day.month] if rng.random() < 0.3 else "the month",
        "this_month": f"this {wording.MONTHS[day.month]}" if rng.random() < 0.2 else "this month",
        "autumn": region.autumn,
        "metre": region.metre,
        "percent": region.percent,
        "traveller": "traveler" if region.label == "US" else "traveller",
    }
