"""Promises of the plain sentence encoder: any BERT loads and embeds as its own library does; the recipe trains it."""

import gzip
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer, BertConfig, BertForMaskedLM, BertModel

from spacetime.cli import main
from spacetime.encoder import SpaceTimeEncoder
from spacetime.model import find_plain_weights, plain_model
from spacetime.training.contrastive import ContrastiveLoss
from spacetime.training.loop import read_log, warmup_then_decay
from spacetime.training.mixture import read_data_config
from spacetime.training.plain import PLAIN, PLAIN_LOSS, MixtureRecipe, train_plain

SENTENCES = [
    "Rain.",
    "The clocks go forward tonight, an hour after midnight.",
    "Voters chose a new council. " * 60,  # longer than any of the checkpoints reads
    "Naïve café, 5°C!",
]
TOKENIZER_FILES = ("vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def write_bert(folder: Path, *, layers: int = 2, size: int = 32, seed: int = 0) -> BertModel:
    """A random BERT with the tokenizer of the packaged one, as a base checkpoint comes."""
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=30522,
        hidden_size=size,
        num_hidden_layers=layers,
        num_attention_heads=12 if size % 12 == 0 else 4,
        intermediate_size=4 * size,
    )
    model = BertModel(config).eval()
    for name, weight in model.named_parameters():  # all weights away from their start, biases and norms too
        torch.nn.init.normal_(weight, mean=1.0 if "LayerNorm.weight" in name else 0.0, std=0.05)
    model.save_pretrained(folder)
    for file in TOKENIZER_FILES:
        shutil.copy(find_plain_weights() / file, folder / file)
    return model


def write_sentence_transformer(folder: Path, max_length: int, **shape: int) -> None:
    """The same with the files that make it a sentence-transformers folder: mean pooling, normalised."""
    write_bert(folder, **shape)
    packaged = find_plain_weights()
    for file in ("modules.json", "config_sentence_transformers.json"):
        shutil.copy(packaged / file, folder / file)
    (folder / "1_Pooling").mkdir()
    pooling = json.loads((packaged / "1_Pooling/config.json").read_text())
    pooling["word_embedding_dimension"] = json.loads((folder / "config.json").read_text())["hidden_size"]
    (folder / "1_Pooling/config.json").write_text(json.dumps(pooling))
    length = {"max_seq_length": max_length, "do_lower_case": False}
    (folder / "sentence_bert_config.json").write_text(json.dumps(length))


def library_embeddings(folder: Path) -> np.ndarray:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu").encode(SENTENCES)


def snippet_embeddings(folder: Path, max_length: int) -> np.ndarray:
    """The all-MiniLM-L12-v1 card, "Usage (HuggingFace Transformers)", in our words."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    tokens = tokenizer(SENTENCES, padding=True, truncation=True, max_length=max_length, return_tensors="pt")
    with torch.no_grad():
        words = model(**tokens)[0]
    real = tokens["attention_mask"].unsqueeze(-1).expand(words.size()).float()
    pooled = (words * real).sum(1) / real.sum(1).clamp(min=1e-9)
    return torch.nn.functional.normalize(pooled, p=2, dim=1).numpy()


# ---------------------------------------------------------------------------------------------- use


def test_the_packaged_model_embeds_as_its_library_and_its_card_do() -> None:
    folder = find_plain_weights()
    encoder = SpaceTimeEncoder.from_plain("none", max_length=256, device="cpu")
    embeddings = encoder.encode(SENTENCES)
    np.testing.assert_allclose(embeddings, library_embeddings(folder), atol=1e-6)
    np.testing.assert_allclose(embeddings, snippet_embeddings(folder, 256), atol=1e-6)


def test_a_checkpoint_of_the_shape_of_l12_embeds_as_its_library_and_its_card_do(tmp_path: Path) -> None:
    write_sentence_transformer(tmp_path, max_length=128, layers=12, size=384)
    encoder = SpaceTimeEncoder.from_plain("none", weights=tmp_path, sha256=None, max_length=128, device="cpu")
    assert encoder.model.config.num_hidden_layers == 12
    embeddings = encoder.encode(SENTENCES)
    np.testing.assert_allclose(embeddings, library_embeddings(tmp_path), atol=1e-6)
    np.testing.assert_allclose(embeddings, snippet_embeddings(tmp_path, 128), atol=1e-6)


def test_any_checkpoint_is_a_backbone_for_time_and_place(tmp_path: Path) -> None:
    write_sentence_transformer(tmp_path, max_length=64)
    plain = SpaceTimeEncoder.from_plain("none", weights=tmp_path, sha256=None, device="cpu")
    conditioned = SpaceTimeEncoder.from_plain("prefix", weights=tmp_path, sha256=None, device="cpu")
    np.testing.assert_allclose(conditioned.encode(SENTENCES, "2019-03", "UK"), plain.encode(SENTENCES), atol=1e-6)


@pytest.mark.parametrize("form", ["heads", "bin", "old names", "no pooler"])
def test_base_checkpoints_load_in_the_forms_they_come_in(tmp_path: Path, form: str) -> None:
    bert = write_bert(tmp_path)
    weights = dict(bert.state_dict())
    (tmp_path / "model.safetensors").unlink()
    if form == "heads":
        whole = BertForMaskedLM(bert.config)
        whole.bert.load_state_dict(weights, strict=False)
        whole.save_pretrained(tmp_path)
    elif form == "old names":
        old = {name: name.replace("LayerNorm.weight", "LayerNorm.gamma") for name in weights}
        old = {name: now.replace("LayerNorm.bias", "LayerNorm.beta") for name, now in old.items()}
        torch.save({f"bert.{old[name]}": tensor for name, tensor in weights.items()}, tmp_path / "pytorch_model.bin")
    else:
        kept = {name: tensor for name, tensor in weights.items() if form == "bin" or "pooler" not in name}
        torch.save(kept, tmp_path / "pytorch_model.bin")
    loaded = plain_model(path=tmp_path, sha256=None)
    ids = torch.tensor([[101, 4542, 102]])
    with torch.no_grad():
        expected = bert(ids).last_hidden_state
        np.testing.assert_allclose(loaded(ids).last_hidden_state, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", {"model_type": "roberta"}, "is of a model of type 'roberta'; the backbone must be a BERT"),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": True}, "is not the mean over its word pieces"),
        ("2_Dense/config.json", {"in_features": 32}, "is not the mean over its word pieces"),
    ],
)
def test_a_checkpoint_that_would_embed_otherwise_is_refused(
    tmp_path: Path, file: str, content: dict[str, object], message: str
) -> None:
    write_bert(tmp_path)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        plain_model(path=tmp_path, sha256=None)


def test_other_weights_are_taken_only_knowingly(tmp_path: Path) -> None:
    write_bert(tmp_path)
    with pytest.raises(ValueError, match="pass sha256=None"):
        SpaceTimeEncoder.from_plain("none", weights=tmp_path)


# ----------------------------------------------------------------------------------------------- training


TOPICS = "rain snow vote match law bank fire ship film war plane river train court strike storm".split()
ORDER = "again today there north late near soon over under above below behind".split()


def write_mixture(folder: Path) -> Path:
    """Two data sets, in which a topic's word is what two texts of a row share; one has hard negatives."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)

    def text(topic: str) -> str:
        return " ".join([topic, *random.choice(ORDER, 3)])

    pairs = [[text(topic), text(topic)] for topic in TOPICS * 6]
    triplets = [
        {"query": text(topic), "pos": [text(topic)], "neg": [text(TOPICS[(i + 3) % len(TOPICS)])]}
        for i, topic in enumerate(TOPICS * 3)
    ]
    entries = []
    for name, rows, weight in (("pairs.jsonl.gz", pairs, 3), ("triplets.jsonl.gz", triplets, 1)):
        with gzip.open(folder / name, "wt", encoding="utf-8") as stream:
            stream.writelines(json.dumps(row) + "\n" for row in rows)
        entries.append({"name": name, "lines": len(rows), "weight": weight})
    (folder / "data_config.json").write_text(json.dumps(entries))
    return folder / "data_config.json"


def tiny(folder: Path, conditioning: str = "none") -> SpaceTimeEncoder:
    """An encoder that starts from a random base BERT of two narrow layers."""
    if not folder.exists():
        write_bert(folder)
    return SpaceTimeEncoder.from_plain(conditioning, weights=folder, sha256=None, max_length=16, device="cpu")


SHORT = replace(
    PLAIN, batch_size=16, learning_rate=3e-3, max_steps=40, warmup_steps=4, checkpoint_every=5, precision="float32"
)
LOSS = ContrastiveLoss(chunk=12)


def losses(output: Path, name: str) -> list[float]:
    return [line["losses"][name] for line in read_log(output / "log.jsonl") if "losses" in line]


def test_the_recipe_is_the_cards() -> None:
    assert (PLAIN.batch_size, PLAIN.learning_rate, PLAIN.warmup_steps, PLAIN.max_steps) == (1024, 2e-5, 500, 540_000)
    assert SpaceTimeEncoder.from_plain("none", device="cpu").model.config.max_length == 128
    assert (PLAIN_LOSS.scale, PLAIN_LOSS.symmetric) == (20, False)
    factors = [warmup_then_decay(step, 540_000, PLAIN.warmup_share, PLAIN.warmup_steps) for step in (0, 499, 500)]
    assert 0 < factors[0] < factors[1] < factors[2] == 1


def test_a_warm_up_that_is_no_number_of_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="warmup_steps must be a whole number of at least 0, not -1"):
        replace(PLAIN, warmup_steps=-1)


def test_a_base_bert_learns_who_belongs_to_whom(tmp_path: Path) -> None:
    encoder = tiny(tmp_path / "base")
    sources = read_data_config(write_mixture(tmp_path / "data"))
    before = {name: weight.detach().clone() for name, weight in encoder.model.named_parameters()}
    result, drawn = train_plain(sources, encoder, tmp_path / "run", SHORT, loss=LOSS, show_progress=False)
    accuracy = losses(tmp_path / "run", "accuracy")
    assert np.mean(accuracy[-5:]) > 2 * np.mean(accuracy[:5]) > 0, accuracy
    assert result.steps == 40 and result.final["contrastive"] == pytest.approx(result.final["loss"])
    moved = {name for name, weight in encoder.model.named_parameters() if not torch.equal(weight, before[name])}
    assert {name.split(".")[1] for name in moved} == {"embeddings", "encoder"}, "heads and pooler stay as they were"

    assert drawn.rows == 640 and sum(source.drawn for source in drawn.sources) == 640
    assert json.loads((tmp_path / "run/drawn.json").read_text()) == asdict(drawn)
    record = json.loads((tmp_path / "run/training.json").read_text())
    assert record["stage"] == "plain" and [data_set["weight"] for data_set in record["data_sets"]] == [3, 1]
    embeddings = encoder.encode(SENTENCES)
    again = SpaceTimeEncoder.load(tmp_path / "run/model", device="cpu")
    backbone = SpaceTimeEncoder.from_plain(
        "prefix", weights=tmp_path / "run/model", sha256=None, max_length=16, device="cpu"
    )
    np.testing.assert_allclose(again.encode(SENTENCES), embeddings, atol=1e-6)
    np.testing.assert_allclose(backbone.encode(SENTENCES), embeddings, atol=1e-6)


def test_a_training_that_stopped_ends_as_one_that_did_not(tmp_path: Path) -> None:
    """Bit for bit, with dropout, gradient caching, and several data sets a batch."""
    sources = read_data_config(write_mixture(tmp_path / "data"))
    recipe = MixtureRecipe(datasets_per_batch=2, block=7)
    options = replace(SHORT, max_steps=8, checkpoint_every=3)

    def run(output: str, resume: bool = False) -> dict[str, torch.Tensor]:
        train_plain(
            sources, tiny(tmp_path / "base"), tmp_path / output, options,
            loss=LOSS, recipe=recipe, resume=resume, show_progress=False,
        )  # fmt: skip
        return load_file(tmp_path / output / "model/model.safetensors")

    whole = run("whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "stopped")
    for name in ("checkpoint-8", "model"):  # as if it had been killed after the checkpoint of step 6
        shutil.rmtree(tmp_path / "stopped" / name)
    resumed = run("stopped", resume=True)
    assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []
    assert losses(tmp_path / "stopped", "loss") == losses(tmp_path / "whole", "loss")


def test_a_training_is_resumed_on_its_own_mixture_only(tmp_path: Path) -> None:
    config = write_mixture(tmp_path / "data")
    options = replace(SHORT, max_steps=2, batch_size=4)

    def run(**settings: Any) -> None:
        given: dict[str, Any] = {"loss": LOSS, "resume": True, "show_progress": False} | settings
        train_plain(read_data_config(config), tiny(tmp_path / "base"), tmp_path / "run", options, **given)

    run()
    run(loss=replace(LOSS, chunk=3))  # only memory
    with pytest.raises(ValueError, match="was trained with loss={.*20.0.*, not {.*30.0"):
        run(loss=replace(LOSS, scale=30.0))
    with pytest.raises(ValueError, match="was trained with recipe={"):
        run(recipe=MixtureRecipe(block=2))
    config.write_text(config.read_text().replace('"weight": 3', '"weight": 4'))
    with pytest.raises(ValueError, match="was trained with data_sets="):
        run()


def test_a_conditioned_encoder_is_refused(tmp_path: Path) -> None:
    sources = read_data_config(write_mixture(tmp_path / "data"))
    with pytest.raises(ValueError, match="no months and regions to train conditioning='prefix' with"):
        train_plain(sources, tiny(tmp_path / "base", "prefix"), tmp_path / "run", SHORT)


def test_the_command_trains_and_tells_what_it_drew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_bert(tmp_path / "base")
    config = write_mixture(tmp_path / "data")
    sts = tmp_path / "sts.csv"
    sts.write_text("sentence1,sentence2,score\n" + "".join(f"{a} today,{a} soon,5\n{a},law,1\n" for a in TOPICS[:4]))
    command = ["train", "plain", "--config", str(config), "--from", str(tmp_path / "base"), "--sts", str(sts)]
    command += ["--output", str(tmp_path / "run"), "--batch-size", "8", "--chunk", "4", "--max-steps", "4"]
    assert main([*command, "--symmetric", "--datasets-per-batch", "8"]) == 0
    shown = capsys.readouterr().out
    assert "32 rows in 4 steps, from 2 data sets" in shown and "pairs.jsonl.gz" in shown and "sts_spearman" in shown
    record = json.loads((tmp_path / "run/training.json").read_text())
    assert record["loss"] == {"scale": 20.0, "symmetric": True, "same_text_is_wrong": False, "chunk": 4}
    assert record["options"]["warmup_steps"] == 500 and record["recipe"]["datasets_per_batch"] == 8


def test_the_command_names_a_file_that_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_mixture(tmp_path / "data")
    (tmp_path / "data/pairs.jsonl.gz").unlink()
    assert main(["train", "plain", "--config", str(config), "--output", str(tmp_path / "run")]) == 2
    assert "1 of 2 files are not in" in capsys.readouterr().err
