"""What ships with the package: small, plain without context, and better with it on sentences that it never saw."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks import released
from course.contrast import contrast_by_embedding, contrast_questions
from spacetime.corpus.almanac import load_almanac
from spacetime.encoder import RELEASED, SpaceTimeEncoder
from spacetime.model import precision
from spacetime.months import MonthRange
from spacetime.regions import RegionSet

TEXTS = ["The clocks go forward tonight.", "A new lockdown begins.", "The bank raised its rate by half a point."]


@pytest.fixture(scope="module")
def encoder() -> SpaceTimeEncoder:
    return SpaceTimeEncoder.load()


def test_the_shipped_files_fit_the_repository() -> None:
    assert sum(file.stat().st_size for file in RELEASED.iterdir()) <= 16 * 2**20


def test_without_context_it_is_the_plain_model(encoder: SpaceTimeEncoder) -> None:
    plain = SpaceTimeEncoder.load("plain")
    assert (encoder.encode(TEXTS) * plain.encode(TEXTS)).sum(1).min() >= 0.9999


def test_it_knows_the_published_months_and_regions(encoder: SpaceTimeEncoder) -> None:
    assert set(MonthRange("2017-01", "2021-12")) <= set(encoder.months)
    assert set(RegionSet(["UK", "US", "AUS", "CAN"])) <= set(encoder.regions)


def test_the_dial_goes_from_plain_to_full(encoder: SpaceTimeEncoder) -> None:
    plain = encoder.encode(TEXTS)
    cosines = [
        (encoder.encode(TEXTS, "2020-03", "UK", time_weight=weight, region_weight=weight) * plain).sum(1)
        for weight in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert cosines[0].min() > 0.9999
    assert (np.diff(np.mean(cosines, axis=1)) < 0).all()


def test_the_same_words_move_away_with_months_and_regions(encoder: SpaceTimeEncoder) -> None:
    here = encoder.encode(TEXTS, "2010-06", "UK")
    near, far = (encoder.encode(TEXTS, month, "UK") for month in ("2010-09", "2020-06"))
    elsewhere = encoder.encode(TEXTS, "2010-06", "AUS")
    assert ((here * near).sum(1) > (here * far).sum(1)).all()
    assert ((here * elsewhere).sum(1) < 0.95).all()


def test_it_answers_contrast_questions_of_a_year_that_it_never_saw(encoder: SpaceTimeEncoder) -> None:
    """Training left the contrast sentences of 2021 out; words, region and month must be read together."""
    questions = contrast_questions(load_almanac().dataset, years=[2021])
    found = contrast_by_embedding(encoder, questions, resamples=100).metrics
    assert found["contrast_embedding_accuracy_low"] > 0.7  # measured: .84; chance and codes glued to a vector: .5
    assert found["contrast_embedding_four_right"] > 0.3  # no sum of parts gets any


def test_it_locates_a_text(encoder: SpaceTimeEncoder) -> None:
    location = encoder.locate(["Voters in New South Wales choose a new government.", "Ofcom fines the BBC."])
    assert encoder.regions.labels(location.region_probabilities.argmax(1)).tolist() == ["AUS", "UK"]
    np.testing.assert_allclose(location.month_probabilities.sum(1), 1, atol=1e-4)


def test_the_cards_numbers_are_those_that_were_measured() -> None:
    metrics = json.loads((RELEASED / "metrics.json").read_text(encoding="utf-8"))
    card = (RELEASED / "README.md").read_text(encoding="utf-8")
    for title, part, key, _ in released.CARD:
        assert f"| {title} | {metrics[part][key]:.3f}" in card, title


@pytest.mark.parametrize(("switch", "quick"), [("on", "bfloat16"), ("off", "float32")])
def test_the_cards_command_computes_in_what_is_quick_here_and_says_in_what(
    switch: str, quick: str, encoder: SpaceTimeEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(encoder: SpaceTimeEncoder, plain: SpaceTimeEncoder, material: Any) -> dict[str, float]:
        assert encoder.precision == plain.precision == quick
        return {"sts": 0.5}

    monkeypatch.setenv(precision.SWITCH, switch)
    monkeypatch.setattr(SpaceTimeEncoder, "load", lambda *_: encoder)
    monkeypatch.setattr(encoder, "precision", "float32")  # restored
    monkeypatch.setattr(released, "load_corpus", lambda *_, **__: None)
    monkeypatch.setattr(released, "split_corpus", lambda *_, **__: SimpleNamespace(train=0, validation=0, test=0))
    monkeypatch.setattr(released, "meaning", told)
    (tmp_path / "README.md").write_text("<!-- numbers: begin -->\n<!-- numbers: end -->\n", encoding="utf-8")
    command = ["released", "corpus.csv", "--only", "meaning", "--write", "--model", str(tmp_path)]
    monkeypatch.setattr("sys.argv", command)
    assert released.main() == 0
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert f"in {quick}; " in card and precision.processor_kind() in card
