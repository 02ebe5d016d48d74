"""Promises of publishing: a whole folder, a complete card whose snippets run, records that fit the weights."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from portability import REGIONS, TEXTS, small_encoder

from spacetime.encoder import SpaceTimeEncoder
from spacetime.model.card import find_record, model_card

TRAINING = {"stage": "stage2", "rows": 2560, "options": {"epochs": 1, "learning_rate": 2e-05}, "split": {"by": "date"}}
METRICS = {"meaning": {"sts": 0.75}, "run": {"seed": 0}, "decay_table": [{"months": i} for i in range(99)]}


class Hub:
    """What reaches the hub: the folder that would be uploaded, kept in `shelf / repo_id`."""

    def __init__(self, shelf: Path) -> None:
        self.shelf = shelf
        self.calls: list[dict[str, Any]] = []

    def create_repo(self, api: Any, repo_id: str, **options: Any) -> huggingface_hub.RepoUrl:
        self.calls.append({"call": "create", "token": api.token, **options})
        return huggingface_hub.RepoUrl(f"https://huggingface.co/{repo_id}")

    def upload_folder(self, api: Any, *, repo_id: str, folder_path: str, **options: Any) -> str:
        self.calls.append({"call": "upload", "token": api.token, **options})
        shutil.copytree(folder_path, self.shelf / repo_id)
        return f"https://huggingface.co/{repo_id}/commit/0"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    hub = Hub(tmp_path / "shelf")
    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", lambda api, *a, **k: hub.create_repo(api, *a, **k))
    monkeypatch.setattr(huggingface_hub.HfApi, "upload_folder", lambda api, **k: hub.upload_folder(api, **k))
    return hub


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """OUTPUT/model with OUTPUT/training.json, as training leaves them, and an evaluation beside."""
    output = tmp_path / "output"
    small_encoder("prefix", context_rank=2, locator_rank=4).save(output / "model")
    (output / "training.json").write_text(json.dumps(TRAINING), encoding="utf-8")
    (output / "metrics.json").write_text(json.dumps(METRICS), encoding="utf-8")
    return output / "model"


def sections(card: str) -> dict[str, str]:
    parts = re.split(r"^## (.*)\n", card, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_a_published_model_is_whole_and_its_card_complete(hub: Hub, trained: Path) -> None:
    encoder = SpaceTimeEncoder.load(trained, "cpu")
    where = encoder.push_to_hub("owner/name", data="The sentences of a test.", license="cc-by-4.0", private=True)
    assert where == "https://huggingface.co/owner/name/commit/0"
    folder = hub.shelf / "owner/name"
    assert {file.name for file in folder.iterdir()} == {
        "README.md",
        "config.json",
        "config_sentence_transformers.json",
        "metrics.json",
        "model.safetensors",
        "modeling_custom_minilm.py",
        "modules.json",
        "sentence_transformers_module.py",
        "tokenizer.json",
        "tokenizer_config.json",
        "training.json",
    }
    card = ModelCard.load(folder / "README.md")
    assert card.data.license == "cc-by-4.0" and card.data.library_name == "sentence-transformers"
    said = sections(card.content)
    assert list(said) == ["Use", "Data", "Recipe", "Metrics", "Limits"]
    assert "The sentences of a test." in said["Data"] and "2560" in said["Data"]
    assert "| options / learning_rate | 2e-05 |" in said["Recipe"] and "| split / by | date |" in said["Recipe"]
    assert "| meaning | sts | 0.75 |" in said["Metrics"]
    assert "decay_table" not in said["Metrics"], "a table of a report has a file of its own"
    assert "2017-01..2021-12" in said["Limits"]
    assert "{{" not in card.content and "{%" not in card.content


def test_the_cards_snippets_run(
    hub: Hub, trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All three, as they stand, where the published name is found."""
    encoder = SpaceTimeEncoder.load(trained, "cpu")
    encoder.push_to_hub("owner/name")
    monkeypatch.chdir(hub.shelf)
    snippets = re.findall(r"```python\n(.*?)```", (hub.shelf / "owner/name/README.md").read_text(), re.DOTALL)
    assert len(snippets) == 3
    for snippet in snippets:
        exec(compile(snippet, "card", "exec"), {})
    printed = capsys.readouterr().out
    expected = encoder.encode("The clocks go forward.", "2019-07", "UK") @ encoder.encode(
        "Summer time begins.", "2019-07", "UK"
    )
    assert "torch.Size([1, 48])" in printed
    assert float(printed.split()[-1]) == pytest.approx(float(expected), abs=1e-5)


def test_settings_reach_the_hub(hub: Hub, trained: Path) -> None:
    SpaceTimeEncoder.load(trained, "cpu").push_to_hub(
        "owner/name", private=True, token="hf_x", revision="draft", commit_message="Second try"
    )
    create, upload = hub.calls
    assert create == {"call": "create", "token": "hf_x", "private": True, "exist_ok": True}
    assert upload == {"call": "upload", "token": "hf_x", "revision": "draft", "commit_message": "Second try"}


def test_records_and_card_survive_another_round(hub: Hub, trained: Path, tmp_path: Path) -> None:
    SpaceTimeEncoder.load(trained, "cpu").push_to_hub("owner/name", data="The sentences of a test.", license="mit")
    SpaceTimeEncoder.load(hub.shelf / "owner/name", "cpu").save(tmp_path / "name")
    first, second = ((folder / "README.md").read_text() for folder in (hub.shelf / "owner/name", tmp_path / "name"))
    assert second == first.replace('"owner/name"', '"name"')
    assert json.loads((tmp_path / "name/training.json").read_text()) == TRAINING
    assert json.loads((tmp_path / "name/metrics.json").read_text()) == METRICS


def test_changed_weights_leave_the_records_behind(trained: Path, tmp_path: Path) -> None:
    """Numbers of other weights would be false."""
    encoder = SpaceTimeEncoder.load(trained, "cpu")
    with torch.no_grad():
        next(encoder.model.parameters())[0, 0] += 1
    encoder.save(tmp_path / "changed")
    assert find_record(tmp_path / "changed").keys() == {"README.md"}
    assert "No `training.json`" in (tmp_path / "changed/README.md").read_text()
    encoder.save(trained)  # over the old ones, whose card was about them
    assert "No `metrics.json`" in (trained / "README.md").read_text()


def test_a_card_of_others_is_kept_below(tmp_path: Path) -> None:
    encoder = small_encoder("late")
    encoder.save(tmp_path / "first")
    theirs = "---\nlicense: cc-by-sa-4.0\nbase_model: owner/base\n---\n\n# A model\n\nOf news.\n\n## Numbers\n\nTen.\n"
    (tmp_path / "first/README.md").write_text(theirs, encoding="utf-8")
    SpaceTimeEncoder.load(tmp_path / "first", "cpu").save(tmp_path / "second")
    SpaceTimeEncoder.load(tmp_path / "second", "cpu").save(tmp_path / "third")
    for name in ("second", "third"):
        card = ModelCard.load(tmp_path / name / "README.md")
        assert (card.data.license, card.data.base_model) == ("cc-by-sa-4.0", "owner/base")
        below = sections(card.content)["The card that came with these weights"]
        assert "Of news.\n\n#### Numbers\n\nTen." in below and below.count("Of news.") == 1


def test_the_backbone_is_named_only_where_it_is_known() -> None:
    model = SpaceTimeEncoder.from_plain("none").model
    assert "base_model: sentence-transformers/all-MiniLM-L6-v2" in model_card(model, "name")
    assert "base_model" not in model_card(small_encoder("none").model, "name")


@pytest.mark.slow
def test_the_released_model_saves_as_a_whole_folder(tmp_path: Path) -> None:
    """A delta on the public weights becomes a model that needs neither, with its card, licence and numbers."""
    released = SpaceTimeEncoder.load(device="cpu")
    months, regions = [released.months.start, None, "2020-03", released.months.end], REGIONS
    expected, located = released.encode(TEXTS, months, regions), released.locate(TEXTS)
    released.save(tmp_path / "whole")
    again = SpaceTimeEncoder.load(tmp_path / "whole", "cpu")
    np.testing.assert_array_equal(again.encode(TEXTS, months, regions), expected)
    np.testing.assert_array_equal(again.locate(TEXTS).region_probabilities, located.region_probabilities)
    card = ModelCard.load(tmp_path / "whole/README.md")
    assert card.data.license == "cc-by-sa-4.0"
    assert "Current Events" in sections(card.content)["The card that came with these weights"]
    assert (tmp_path / "whole/metrics.json").is_file() and "| meaning | sts |" in card.content
