"""An encoder whose cosines can be computed by hand, for the tests of spacetime.evaluation.

A vector is three blocks side by side: words (length ``meaning``), month (length ``time``), region (length ``region``).
Two months k apart have the inner product ``1 - 2 k / (months - 1)``, two regions 1 or 0. With S the sum of the squared
lengths

    cosine of a text with itself = (meaning^2 + time^2 (1 - 2 k / (months - 1)) + region^2 [same region]) / S
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import datasets
import numpy as np
from numpy.typing import NDArray

from spacetime.encoder import Location
from spacetime.months import MonthRange
from spacetime.regions import RegionSet

WORDS = 512


class KnownEncoder:
    def __init__(
        self,
        months: MonthRange | None = None,
        regions: Sequence[str] = ("UK", "US", "AUS", "CAN"),
        meaning: float = 1.0,
        time: float = 1.0,
        region: float = 0.5,
    ) -> None:
        self.months = months or MonthRange("2017-01", "2021-12")
        self.regions = RegionSet(list(regions))
        self.lengths = {"meaning": meaning, "time": time, "region": region}
        self.encoded = 0

    def encode(
        self, sentences: Sequence[str], months: Any = None, regions: Any = None, *, batch_size: int = 64
    ) -> NDArray[np.float32]:
        count = len(sentences)
        self.encoded += count
        blocks = [
            np.stack([_words(text) for text in sentences]) * self.lengths["meaning"],
            np.stack([self._month(label) for label in _each(months, count)]) * self.lengths["time"],
            np.stack([self._region(label) for label in _each(regions, count)]) * self.lengths["region"],
        ]
        vectors = np.concatenate(blocks, axis=1)
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def locate(self, sentences: Sequence[str], *, batch_size: int = 64) -> Location:
        """Read a month written in the text, and a region; equal probabilities where the text says nothing."""
        by_month = np.full((len(sentences), len(self.months)), 1 / len(self.months), dtype=np.float32)
        by_region = np.full((len(sentences), len(self.regions)), 1 / len(self.regions), dtype=np.float32)
        for row, text in enumerate(sentences):
            for word in text.split():
                if word in self.regions:
                    by_region[row] = np.arange(len(self.regions)) == self.regions.ids(word)
                elif word[:2] == "20" and word in self.months:
                    by_month[row] = np.arange(len(self.months)) == self.months.ids(word)
        return Location(by_month, by_region)

    def _month(self, label: str | None) -> NDArray[np.float64]:
        steps = len(self.months) - 1
        if label is None:
            return np.zeros(steps)
        return np.where(np.arange(steps) < self.months.ids(label), 1.0, -1.0) / np.sqrt(steps)

    def _region(self, label: str | None) -> NDArray[np.float64]:
        return np.zeros(len(self.regions)) if label is None else np.eye(len(self.regions))[self.regions.ids(label)]


def _each(labels: Any, count: int) -> list[str | None]:
    return [labels] * count if labels is None or isinstance(labels, str) else list(labels)


def _words(text: str) -> NDArray[np.float64]:
    vector = np.zeros(WORDS)
    for word in text.lower().split():
        vector[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % WORDS] += 1
    return vector / np.linalg.norm(vector)


def rows(texts: Sequence[Any], months: Any = "2019-01", regions: Any = "UK", **columns: Any) -> datasets.Dataset:
    """A data set; one label stands for all rows."""
    count = len(texts)
    return datasets.Dataset.from_dict(
        {"text": list(texts), "month": _each(months, count), "region": _each(regions, count), **columns}
    )


def grid(encoder: KnownEncoder, sentence: str = "sentence {month} {region}") -> datasets.Dataset:
    """One row for every month and region of an encoder; ``{month}`` and ``{region}`` in the sentence are filled in."""
    cells = [(month, region) for month in encoder.months for region in encoder.regions]
    texts = [sentence.format(month=month, region=region, number=number) for number, (month, region) in enumerate(cells)]
    return rows(texts, [month for month, _ in cells], [region for _, region in cells])
