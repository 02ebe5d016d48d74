"""The almanac: the corpus of the lessons, true sentences for every month of 2017-2021 in four regions.

It lies in `data_samples/`, beside the package, with a README and with the code that made it (`data_samples/almanac/`).
Lesson 03 reads it.
"""

from pathlib import Path

from spacetime.corpus.loading import Corpus, load_corpus
from spacetime.months import MonthRange
from spacetime.regions import RegionSet

ALMANAC = Path(__file__).resolve().parents[2] / "data_samples/almanac.csv.gz"


def load_almanac(path: str | Path | None = None) -> Corpus:
    """The corpus of the lessons, as `load_corpus` gives it: 2017-01..2021-12 in UK, US, AUS and CAN.

    Parameters
    ----------
    path
        Another file with the almanac's columns (default: the shipped one).

    Raises
    ------
    FileNotFoundError
        If there is no such file, as where the package was installed without the repository.
    """
    chosen = Path(path) if path is not None else ALMANAC
    if not chosen.is_file():
        raise FileNotFoundError(
            f"no almanac at {chosen}: it lies in data_samples/ of the repository; work in a clone, or pass its path"
        )
    regions = RegionSet(["UK", "US", "AUS", "CAN"])
    return load_corpus(chosen, months=MonthRange("2017-01", "2021-12"), regions=regions)
