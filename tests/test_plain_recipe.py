"""Promises of the plain sentence encoder: any BERT loads and embeds as its own library does; the recipe trains it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer, BertConfig, BertForMaskedLM, BertModel

from spacetime.encoder import SpaceTimeEncoder
from spacetime.model import find_plain_weights, plain_model
from spacetime.model.weights import checkpoint_max_length

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
    encoder = SpaceTimeEncoder.from_plain("none", max_length="checkpoint", device="cpu")
    assert encoder.model.config.max_length == 256
    embeddings = encoder.encode(SENTENCES)
    np.testing.assert_allclose(embeddings, library_embeddings(folder), atol=1e-6)
    np.testing.assert_allclose(embeddings, snippet_embeddings(folder, 256), atol=1e-6)


def test_a_checkpoint_of_the_shape_of_l12_embeds_as_its_library_and_its_card_do(tmp_path: Path) -> None:
    write_sentence_transformer(tmp_path, max_length=128, layers=12, size=384)
    encoder = SpaceTimeEncoder.from_plain("none", weights=tmp_path, sha256=None, max_length="checkpoint", device="cpu")
    assert encoder.model.config.max_length == 128 and encoder.model.config.num_hidden_layers == 12
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


def test_a_checkpoints_own_length_is_read_where_it_stands(tmp_path: Path) -> None:
    write_bert(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 10**30}))
    assert checkpoint_max_length(tmp_path) == 512, "an absent limit is the position embeddings'"
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 200}))
    assert checkpoint_max_length(tmp_path) == 200
    (tmp_path / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 100}))
    assert checkpoint_max_length(tmp_path) == 100


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
