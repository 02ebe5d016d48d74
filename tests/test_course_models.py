"""Promises of `course.models`: the encoders that lessons share are trained once, and never mixed up."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from course import models
from course.models import LessonSettings, lesson_split, stage1_encoder, stage2_encoder, training_sentences
from course.parameters import read_parameters

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
REGIONS = ("UK", "US", "AUS", "CAN")


@pytest.fixture
def settings(tmp_path: Path) -> LessonSettings:
    """Sixteen sentences of a corpus of our own: two steps."""
    rows = [f"Rain fell on roof number {i}.,2019-{1 + i % 3:02d},{REGIONS[i % 4]}" for i in range(120)]
    corpus = tmp_path / "corpus.csv"
    corpus.write_text("\n".join(["text,month,region", *rows]) + "\n", encoding="utf-8")
    return LessonSettings(corpus=str(corpus), sentences=16, batch_size=8)


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages that were trained, in order."""
    done: list[str] = []

    def counted(name: str) -> Callable:
        train = getattr(models, name)

        def wrapped(*arguments: object, **options: object) -> object:
            done.append(name)
            return train(*arguments, **options)

        return wrapped

    for name in ("train_stage1", "train_stage2"):
        monkeypatch.setattr(models, name, counted(name))
    return done


def test_a_second_call_loads_what_the_first_one_trained(
    settings: LessonSettings, trainings: list[str], tmp_path: Path
) -> None:
    first, folder = stage1_encoder(settings, tmp_path)
    second, again = stage1_encoder(settings, tmp_path)
    assert (trainings, folder) == (["train_stage1"], again)
    np.testing.assert_allclose(first.encode("Rain.", "2019-02"), second.encode("Rain.", "2019-02"), atol=1e-6)
    assert {"log.jsonl", "training.json", "model"} == {path.name for path in folder.iterdir()}


def test_other_settings_and_other_sentences_train_anew(
    settings: LessonSettings, trainings: list[str], tmp_path: Path
) -> None:
    folders = {stage1_encoder(settings, tmp_path)[1], stage1_encoder(replace(settings, seed=1), tmp_path)[1]}
    with open(settings.corpus, "a", encoding="utf-8") as corpus:
        corpus.write("Snow fell on the last roof.,2019-01,UK\n")
    folders.add(stage1_encoder(settings, tmp_path)[1])
    assert len(trainings) == len(folders) == 3


def test_a_docstring_of_the_model_retrains_nothing(
    settings: LessonSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Path(models.modeling.__file__).read_text(encoding="utf-8")
    before = models._key(settings)
    for text, same in ((f"# A comment.\n{source}", True), (f"{source}\nnew = 1\n", False)):
        (tmp_path / "modeling.py").write_text(text, encoding="utf-8")
        monkeypatch.setattr(models.modeling, "__file__", str(tmp_path / "modeling.py"))
        assert (models._key(settings) == before) is same


def test_stage2_trains_stage1_first_where_it_is_missing(
    settings: LessonSettings, trainings: list[str], tmp_path: Path
) -> None:
    stage2_encoder(settings, tmp_path)
    stage1_encoder(settings, tmp_path)
    assert trainings == ["train_stage1", "train_stage2"]


def test_training_sentences_come_from_the_training_side_and_by_the_seed(settings: LessonSettings) -> None:
    split = lesson_split(settings)
    drawn = training_sentences(split, settings)["text"][:]
    assert len(drawn) == 16 and set(drawn) <= set(split.train["text"][:])
    assert drawn == training_sentences(split, settings)["text"][:]
    assert drawn != training_sentences(split, replace(settings, seed=1))["text"][:]


@pytest.mark.parametrize("lesson", ["04", "06", "07", "08", "09", "10"])
def test_lessons_have_the_shared_settings_as_their_defaults(lesson: str) -> None:
    found = list(NOTEBOOKS.glob(f"{lesson}_*.ipynb"))
    if not found:
        pytest.skip(f"no lesson {lesson}")
    shared = asdict(LessonSettings())
    own = {name: parameter.default for name, parameter in read_parameters(found[0]).items() if name in shared}
    assert own == {name: shared[name] for name in own}
