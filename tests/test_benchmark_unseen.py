from typing import Any

import numpy as np
import pytest
from known_geometry import KnownEncoder, grid, rows
from numpy.typing import NDArray

from benchmarks.unseen import unseen_response
from spacetime.months import MonthRange

MONTHS = MonthRange("2019-01", "2020-12")
TRAINED = MonthRange("2019-01", "2020-06")
ALL = ("UK", "US", "AUS", "CAN")


class PlainWords:
    """The plain model of a KnownEncoder: its words alone."""

    def __init__(self) -> None:
        self.encoder = KnownEncoder(MONTHS, time=0.0, region=0.0)

    def encode(self, texts: list[str], show_progress: bool | None = None) -> NDArray[np.float32]:
        return self.encoder.encode(texts)


class Forgetful(KnownEncoder):
    """Every month after the last trained one, and every region in `lost`, is the same to it."""

    lost: tuple[str, ...] = ()

    def _month(self, label: str | None) -> NDArray[np.float64]:
        return super()._month(None if label is None else min(label, TRAINED.end))

    def _region(self, label: str | None) -> NDArray[np.float64]:
        return super()._region("UK" if label in self.lost else label)


def response(encoder: KnownEncoder, regions: Any = ALL, **options: Any) -> dict[str, float]:
    data = grid(encoder, "one{number} two {month}")
    plain: Any = PlainWords()
    return unseen_response(encoder, data, TRAINED, regions, plain, max_sentences=80, pairs=400, **options)


def known(encoder: type[KnownEncoder] = KnownEncoder) -> KnownEncoder:
    """Squared lengths that are the label's weights; regions are orthogonal, where the label has -1/3."""
    return encoder(MONTHS, meaning=0.6**0.5, time=0.2**0.5, region=0.2**0.5)


def ranked_as_the_label(encoder: type[KnownEncoder] = KnownEncoder) -> KnownEncoder:
    """From another region to the same one the label rises by .2 * (1 + 1/3)."""
    return encoder(MONTHS, meaning=0.6**0.5, time=0.2**0.5, region=(0.2 * 4 / 3) ** 0.5)


def test_a_model_that_goes_on_as_it_was_trained_decays_alike_on_both_sides() -> None:
    metrics = response(known())
    for step in (1, 3, 6):
        assert metrics[f"unseen_decay_{step}"] == pytest.approx(metrics[f"trained_decay_{step}"], abs=1e-6)
        assert metrics[f"unseen_decay_{step}"] == pytest.approx(1 - 0.2 * 2 * step / 23, abs=1e-6)
        assert metrics[f"unseen_decay_{step}"] == pytest.approx(metrics[f"label_decay_{step}"], abs=1e-6)
    assert "unseen_decay_12" not in metrics and "trained_decay_12" not in metrics  # six months are unseen
    assert metrics["unseen_decay_falling_share"] == metrics["trained_decay_falling_share"] == 1.0
    assert metrics["unseen_decay_spearman"] == pytest.approx(-1.0)
    assert not [name for name in metrics if "region" in name]  # all regions are trained


def test_a_model_that_stops_at_its_last_month_shows_it() -> None:
    good, stopped = response(ranked_as_the_label()), response(ranked_as_the_label(Forgetful))
    assert stopped["unseen_decay_falling_share"] == stopped["unseen_decay_spearman"] == 0.0
    assert stopped["unseen_decay_6"] == pytest.approx(1.0)
    assert stopped["trained_decay_6"] == pytest.approx(good["trained_decay_6"])
    for name in ("trained", "crossing", "outside"):
        assert good[f"unseen_month_spearman_{name}"] == pytest.approx(1.0, abs=1e-3)  # float32 parts some ties
    assert stopped["unseen_month_spearman_trained"] == pytest.approx(1.0, abs=1e-3)
    assert stopped["unseen_month_spearman_crossing"] < 0.99
    assert stopped["unseen_month_spearman_outside"] < 0.99


def test_pairs_are_divided_by_the_number_of_their_unseen_months() -> None:
    metrics = response(known())
    counts = [metrics[f"unseen_month_pairs_{name}"] for name in ("trained", "crossing", "outside")]
    assert sum(counts) == 400 and min(counts) > 20


def test_an_unseen_region_is_compared_with_the_trained_ones() -> None:
    metrics = response(known(), regions=("UK", "US", "AUS"))
    # The same words in the same month, in orthogonal regions; the label gives other regions -1/3.
    for name in ("unseen", "trained"):
        assert metrics[f"{name}_region_cosine"] == pytest.approx(0.8, abs=1e-6)
        assert metrics[f"{name}_region_label"] == pytest.approx(0.8 - 0.2 / 3)
        assert metrics[f"{name}_region_error"] == pytest.approx(0.2 / 3, abs=1e-6)
    assert metrics["unseen_region_spearman_crossing"] > 0.8


def test_a_region_that_the_model_takes_for_another_has_an_error() -> None:
    encoder = known(Forgetful)
    encoder.lost = ("CAN",)  # type: ignore[attr-defined]
    metrics = response(encoder, regions=("UK", "US", "AUS"))
    assert metrics["unseen_region_cosine"] == pytest.approx((1.0 + 0.8 + 0.8) / 3, abs=1e-6)
    assert metrics["unseen_region_error"] > metrics["trained_region_error"] + 0.05


def test_pairs_of_unseen_regions_stay_inside_the_trained_months() -> None:
    encoder = known()
    data = rows(["a b", "b c", "c d", "d e"], ["2019-01", "2019-05", "2020-11", "2020-12"], ["UK", "US", "CAN", "CAN"])
    plain: Any = PlainWords()
    metrics = unseen_response(encoder, data, TRAINED, ("UK", "US"), plain, pairs=30)
    assert metrics["unseen_region_pairs_trained"] == 30 and metrics["unseen_region_pairs_outside"] == 0
    assert "unseen_region_spearman_outside" not in metrics


@pytest.mark.parametrize(
    "months, regions, message",
    [
        (MONTHS, ALL, "there is nothing unseen to ask about"),
        (MonthRange("2018-01", "2020-06"), ALL, "month '2018-01' is outside 2019-01..2020-12"),
        (TRAINED, ("UK", "Mars"), "unknown region 'Mars'"),
        (MonthRange("2020-11", "2020-12"), ALL, "no row of a trained month and region"),
    ],
)
def test_what_cannot_be_asked_is_refused(months: MonthRange, regions: Any, message: str) -> None:
    data = rows(["a", "b", "c"], "2019-03", ["UK", "US", "UK"])
    plain: Any = PlainWords()
    with pytest.raises(ValueError, match=message):
        unseen_response(known(), data, months, regions, plain)
