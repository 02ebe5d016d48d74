"""Codes beside a plain vector: their cosines are the labels of stage 2, without training."""

from typing import Any

import numpy as np
import pytest

from spacetime.codes import codes_by_id, kernel_factor, region_kernel, time_kernel, with_codes
from spacetime.encoder import SpaceTimeEncoder
from spacetime.inputs import ids_for_each
from spacetime.training.pairs import PairRecipe

TEXTS = ["Rain.", "The clocks go forward tonight."]


@pytest.fixture(scope="module")
def encoder() -> SpaceTimeEncoder:
    return SpaceTimeEncoder.from_plain("prefix")


def joined(
    encoder: SpaceTimeEncoder, months: list[str] | None = None, regions: list[str] | None = None, **dials: Any
) -> np.ndarray:
    """The texts' plain vectors with codes beside them."""
    month_ids = ids_for_each(encoder.months, months, 2, "months")
    region_ids = ids_for_each(encoder.regions, regions, 2, "regions")
    sizes = len(encoder.months), len(encoder.regions)
    return with_codes(encoder.encode(TEXTS), month_ids, region_ids, *sizes, **dials)


def test_cosines_of_full_contexts_are_the_labels(encoder: SpaceTimeEncoder) -> None:
    found = joined(encoder, ["2017-03", "2019-11"], ["UK", "AUS"])
    recipe, plain = PairRecipe(), encoder.encode(TEXTS)
    first, second = encoder.months.ids(["2017-03", "2019-11"])
    label = recipe.label(
        np.array([float(plain[0] @ plain[1])]),
        recipe.time_similarity(encoder.months)[first, [second]],
        recipe.region_similarity(encoder.regions)[0, [2]],
    )
    assert found[0] @ found[1] == pytest.approx(label[0], abs=1e-6)


def test_without_context_cosines_are_the_plain_models(encoder: SpaceTimeEncoder) -> None:
    found, plain = joined(encoder), encoder.encode(TEXTS)
    np.testing.assert_allclose(found @ found.T, plain @ plain.T, atol=1e-6)
    turned = joined(encoder, ["2019-01"] * 2, ["UK"] * 2, time_weight=0.0, region_weight=0.0)
    np.testing.assert_allclose(turned, found, atol=1e-6)


def test_a_time_scale_parts_neighbouring_months(encoder: SpaceTimeEncoder) -> None:
    def next_month(**scale: Any) -> float:
        first, second = joined(encoder, ["2019-01", "2019-02"], **scale)
        return float(first @ second)

    assert next_month(time_scale=1.0) < next_month() - 0.05


def test_factors_give_the_kernels_back() -> None:
    for kernel in (time_kernel(7), time_kernel(7, scale=2.0), region_kernel(4), region_kernel(1)):
        factor = kernel_factor(kernel)
        np.testing.assert_allclose(factor @ factor.T, kernel, atol=1e-9)
        np.testing.assert_array_equal(codes_by_id(kernel)[:-1], factor)
        assert not codes_by_id(kernel)[-1].any(), "the id -1 of a missing label reads zeros"
    with pytest.raises(ValueError, match="eigenvalue"):
        kernel_factor(region_kernel(4, other=-1.0))
