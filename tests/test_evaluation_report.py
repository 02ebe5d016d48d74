import json
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest
from known_geometry import KnownEncoder, grid, rows

from spacetime.encoder import SpaceTimeEncoder
from spacetime.evaluation import evaluate
from spacetime.months import MonthRange

SENTENCE = "report{number} {month} {region}"


def small() -> tuple[KnownEncoder, Any]:
    encoder = KnownEncoder(MonthRange("2020-01", "2020-06"))
    return encoder, grid(encoder, SENTENCE)


def full_report(tmp_path: Path, **options: Any) -> Any:
    encoder, data = small()
    sts_path = tmp_path / "sts.csv"
    first = ["a b c d"] * 3
    pd.DataFrame(
        {"split": "test", "sentence1": first, "sentence2": ["a b c d", "a b", "x"], "score": [5, 3, 0]}
    ).to_csv(sts_path, index=False)
    given = {"text1": ["a"] * 4, "text2": ["a", "a", "b", "b"], "region1": ["UK"] * 4, "region2": ["UK"] * 4}
    months = {"month1": ["2020-01"] * 4, "month2": ["2020-01", "2020-06"] * 2}
    pairs = datasets.Dataset.from_dict(given | months | {"label": [1.0, 0.6, 0.4, 0.0]})
    return evaluate(encoder, data, data, pairs=pairs, sts_path=sts_path, plain=encoder, seed=3, **options)


def test_a_full_report_has_every_section_and_can_be_saved_and_read_back(tmp_path: Path) -> None:
    report = full_report(tmp_path)
    sections = {"meaning", "pairs", "decay", "decay_table", "pair_response", "probes", "locate", "skipped", "run"}
    assert set(report.metrics) == sections and report.metrics["skipped"] == {}
    folder = report.save(tmp_path / "deep" / "report")
    assert json.loads((folder / "metrics.json").read_text()) == report.metrics
    assert (folder / "report.md").read_text() == report.to_markdown()


def test_a_report_names_sizes_seed_and_versions(tmp_path: Path) -> None:
    run = full_report(tmp_path).metrics["run"]
    assert run["seed"] == 3 and run["train_rows"] == run["test_rows"] == 24 and run["pairs"] == 4
    assert run["test_texts_in_train"] == 24
    assert {"python", "spacetime", "torch", "scikit-learn"} <= set(run["versions"])


def test_the_same_seed_gives_the_same_report(tmp_path: Path) -> None:
    assert full_report(tmp_path, max_sentences=10).metrics == full_report(tmp_path, max_sentences=10).metrics


def test_the_plain_model_keeps_all_of_its_own_meaning(tmp_path: Path) -> None:
    meaning = full_report(tmp_path).metrics["meaning"]
    assert meaning["sts_kept"] == meaning["sts_kept_same_context"] == pytest.approx(1.0)
    assert meaning["rank_agreement_no_context"] == pytest.approx(1.0)


def test_the_page_is_markdown_whose_tables_are_whole(tmp_path: Path) -> None:
    page = full_report(tmp_path).to_markdown()
    tables = [block.splitlines() for block in page.split("\n\n") if block.startswith("|")]
    assert len(tables) == 7
    for table in tables:
        assert len({line.count("|") for line in table}) == 1, table
    assert "nan" not in page


def test_the_page_holds_the_numbers_of_each_section(tmp_path: Path) -> None:
    report = full_report(tmp_path)
    lines = report.to_markdown().splitlines()
    numbers = report.metrics["probes"] | report.metrics["locate"] | report.metrics["decay"]
    assert numbers["probe_region_chance"] == 0.25
    assert f"| chance | 0.250 | 0.167 | {numbers['probe_month_error_chance']:.3f} |" in lines
    assert [line for line in lines if f" {numbers['majority_month_error']:.3f} |" in line and "| majority |" in line]
    assert f"| region gap: 1 - cosine in another region, same month | {numbers['region_gap']:.3f} |" in lines
    first = lines.index("| months apart | same region | another region | sentences |") + 2
    apart, same, _, sentences = lines[first].strip("| ").split(" | ")
    assert (apart, same, sentences) == ("0", "1.000 [1.000, 1.000]", "24")
    assert [line.split(" | ")[0] for line in lines[first : first + 3]] == ["| 0", "| 1", "| 3"]


def test_without_pairs_and_sts_their_sections_are_absent() -> None:
    encoder, data = small()
    assert {"meaning", "pairs"}.isdisjoint(evaluate(encoder, data, data).metrics)


def test_what_needs_two_regions_is_skipped_with_its_reason() -> None:
    encoder = KnownEncoder(MonthRange("2020-01", "2020-06"), regions=["UK"])
    data = grid(encoder, SENTENCE)
    report = evaluate(encoder, data, data)
    assert set(report.metrics["skipped"]) == {"pair_response", "probes", "locate"}
    assert "decay" in report.metrics and "one region only" in report.to_markdown()


@pytest.mark.parametrize("empty", ["train", "test"])
def test_an_empty_side_is_refused_before_anything_is_encoded(empty: str) -> None:
    encoder, data = small()
    sides = {"train": data, "test": data} | {empty: rows([])}
    with pytest.raises(ValueError, match=f"{empty} is empty"):
        evaluate(encoder, **sides)
    assert encoder.encoded == 0


def test_an_encoder_that_cannot_locate_is_measured_without() -> None:
    known, data = small()

    class Codes:
        months, regions, encode = known.months, known.regions, staticmethod(known.encode)

    report = evaluate(Codes(), data, data)
    assert report.metrics["skipped"] == {"locate": "this encoder has no locate"} and "probes" in report.metrics


def test_the_real_encoder_starts_as_the_plain_model_and_is_measured_as_such() -> None:
    encoder = SpaceTimeEncoder.from_plain("late")
    texts = ["Rain falls.", "A vote is held.", "The shops are shut.", "Snow.", "A match is won.", "Prices rise."]
    data = rows(texts, ["2019-01", "2019-02"] * 3, ["UK", "UK", "US"] * 2)
    metrics = evaluate(encoder, data, data, plain=encoder, steps=[12]).metrics
    assert metrics["skipped"] == {} and metrics["meaning"]["rank_agreement"] == pytest.approx(1.0)
    assert metrics["decay"]["region_gap"] == pytest.approx(0.0, abs=1e-6)
    assert metrics["pair_response"]["response_meaning"] == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("missing", ["months", "regions"])
def test_what_no_row_has_is_skipped_and_the_rest_is_measured(missing: str) -> None:
    encoder, _ = small()
    texts = [f"report{number} a b" for number in range(12)]
    labels: dict[str, Any] = {"months": ["2020-01", "2020-02"] * 6, "regions": ["UK", "US"] * 6} | {missing: None}
    data = rows(texts, **labels)
    report = evaluate(encoder, data, data, plain=encoder)
    assert report.metrics["meaning"]["rank_agreement_no_context"] == pytest.approx(1.0)
    assert "none of its 12 rows can be used" in " ".join(report.metrics["skipped"].values())
