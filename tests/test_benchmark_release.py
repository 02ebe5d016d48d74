"""What the released model was trained on, and what it was not."""

import datasets

from benchmarks.release import almanac_rows, training_rows
from spacetime.corpus import split_corpus
from spacetime.corpus.almanac import load_almanac
from spacetime.months import MonthRange
from spacetime.regions import RegionSet
from spacetime.training.recipes import released_start


def test_contrast_sentences_of_2021_and_held_out_templates_are_not_trained_on() -> None:
    rows, asked = almanac_rows()
    held_out = set(split_corpus(load_almanac(), by="group").test.to_pandas().query("contrast == ''")["template"])
    for part in (rows.to_pandas(), asked.to_pandas()):
        assert not ((part["contrast"] != "") & (part["month"] >= "2021-01")).any()
        assert not set(part["template"]) & held_out
    assert set(zip(asked["text"], asked["month"], strict=True)) <= set(zip(rows["text"], rows["month"], strict=True))


def test_the_sentences_that_are_asked_for_their_month_are_no_others_from_run_to_run() -> None:
    assert almanac_rows()[1]["text"][:] == almanac_rows()[1]["text"][:]


def test_corpus_and_almanac_come_into_one_table() -> None:
    corpus = datasets.Dataset.from_list(
        [{"text": "Rain.", "month": "2019-01", "region": "UK", "date": "2019-01-02", "topic": "Storm", "how": "text"}]
    )
    almanac = almanac_rows()[0].select([0, 1])
    both = training_rows(corpus, almanac)
    assert both.column_names == ["text", "month", "region", "date", "topic"]
    assert both["topic"][:] == ["Storm", "", ""]


def test_the_start_is_the_plain_model_with_room_for_context() -> None:
    encoder = released_start(MonthRange("2019-01", "2019-12"), RegionSet(["UK", "US"]))
    assert abs(encoder.encode("Rain.") - encoder.encode("Rain.", "2019-03", "UK")).max() < 1e-6
    assert encoder.model.locator is not None and encoder.model.config.context_rank == 8
