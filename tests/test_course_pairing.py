"""Promises of `course.pairing`: a text's own partner must be nearer than every other one."""

from typing import Any

import numpy as np
import pytest

from course.pairing import partners_found


class Angles:
    """A text is an angle in degrees."""

    def encode(self, sentences: Any, *_: Any, **__: Any) -> np.ndarray:
        angles = np.radians([float(text) for text in sentences])
        return np.stack((np.cos(angles), np.sin(angles)), axis=1)


def test_both_directions_are_asked() -> None:
    # 0 -> 10 of (10, 30), right; 25 -> 30, right; back: 10 -> 0 of (0, 25), right; 30 -> 25, right.
    assert partners_found(Angles(), ["0", "25"], ["10", "30"]) == {"partner_accuracy": 1.0, "partner_pairs": 2.0}
    # 0 -> 10, right; 12 -> 10, wrong; back: 10 -> 12, wrong; 30 -> 12, right.
    assert partners_found(Angles(), ["0", "12"], ["10", "30"])["partner_accuracy"] == 0.5


def test_the_nearest_may_at_least_be_of_the_own_group() -> None:
    # 0 and 3 have their partners exchanged, 90 has its own; all directions.
    first, second = ["0", "3", "90"], ["3", "0", "91"]
    found = partners_found(Angles(), first, second, groups=["low", "low", "high"])
    assert (found["partner_accuracy"], found["group_accuracy"]) == (pytest.approx(1 / 3), 1.0)
    assert partners_found(Angles(), first, second, groups=[1, 2, 3])["group_accuracy"] == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="there are 2 groups for 3 pairs"):
        partners_found(Angles(), first, second, groups=["low", "high"])


def test_an_encoder_that_gives_one_vector_finds_nothing() -> None:
    assert partners_found(Angles(), ["5", "5", "5"], ["5", "5", "5"])["partner_accuracy"] == 0


@pytest.mark.parametrize(("first", "second"), [(["1"], ["2"]), (["1", "2"], ["3"])])
def test_what_is_no_list_of_pairs_is_refused(first: list[str], second: list[str]) -> None:
    with pytest.raises(ValueError, match="two or more pairs are needed, as many first as second texts"):
        partners_found(Angles(), first, second)
