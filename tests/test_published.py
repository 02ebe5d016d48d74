"""Promises of the published layout: read with the published arithmetic and without a loss."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from portability import on_the_shelf, save_published
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear

from spacetime.encoder import SpaceTimeEncoder
from spacetime.model import SpaceTimeConfig, SpaceTimeMiniLM, load_tokenizer
from spacetime.model.modeling import name_here

HIDDEN, HEADS, LAYERS, INNER, VOCABULARY = 24, 3, 2, 40, 30522
SENTENCES = [
    ("The clocks go forward tonight, an hour after midnight.", "2017-01", "UK"),
    ("Rain.", "2021-12", "CAN"),
    ("Shops are shut on Thursday.", "2019-07", "AUS"),
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights under the published names, with the published configuration; its own code is not needed."""
    folder = tmp_path_factory.mktemp("published")
    torch.manual_seed(0)

    def weight(*shape: int, std: float = 0.3) -> Tensor:
        return torch.randn(shape) * std

    def dense(name: str, rows: int, columns: int) -> dict[str, Tensor]:
        return {f"{name}.weight": weight(rows, columns), f"{name}.bias": weight(rows)}

    def norm(name: str) -> dict[str, Tensor]:
        return {f"{name}.weight": 1 + weight(HIDDEN, std=0.1), f"{name}.bias": weight(HIDDEN)}

    state = {
        "base.embeddings.word_embeddings.weight": weight(VOCABULARY, HIDDEN),
        "base.embeddings.position_embeddings.weight": weight(128, HIDDEN),
        "base.embeddings.token_type_embeddings.weight": weight(2, HIDDEN),
        "space_embed.embedding.weight": weight(4, HIDDEN, std=1),
        "time_embed.pe": published_sinusoid(),
        **norm("base.embeddings.LayerNorm"),
        **dense("base.pooler.dense", HIDDEN, HIDDEN),
        **dense("mlm_head", VOCABULARY, HIDDEN),
        **dense("space_head", 4, HIDDEN),
        **dense("time_head", 60, HIDDEN),
    }
    for layer in range(LAYERS):
        at = f"base.encoder.layer.{layer}."
        for name in ("orig.query", "orig.key", "orig.value", "W_t", "W_s"):
            state |= dense(f"{at}attention.self.{name}", HIDDEN, HIDDEN)
        state |= dense(f"{at}attention.output.dense", HIDDEN, HIDDEN) | norm(f"{at}attention.output.LayerNorm")
        state |= dense(f"{at}intermediate.dense", INNER, HIDDEN)
        state |= dense(f"{at}output.dense", HIDDEN, INNER) | norm(f"{at}output.LayerNorm")
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    config = {
        "model_type": "bert",
        "architectures": ["SpaceTimeMiniLM"],
        "num_space": 4,
        "num_time": 60,
        "vocab_size": VOCABULARY,
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "intermediate_size": INNER,
        "hidden_act": "gelu",
        "max_position_embeddings": 128,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
        "torch_dtype": "float32",
        "transformers_version": "4.40.0",
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    load_tokenizer().save_pretrained(folder)
    return folder


def published_sinusoid() -> Tensor:
    table = torch.zeros(60, HIDDEN)
    for position in range(60):
        for i in range(0, HIDDEN, 2):
            angle = position / 10000 ** (2 * i / HIDDEN)
            table[position, i], table[position, i + 1] = math.sin(angle), math.cos(angle)
    return table


def naive_forward(weights: dict[str, Tensor], text: str, month: str, region: str) -> dict[str, Tensor]:
    """The published formula written out: one sentence, padded to 128, products of L x L numbers."""
    words = load_tokenizer()([text], padding="max_length", max_length=128, truncation=True, return_tensors="pt")
    ids, mask = words["input_ids"], words["attention_mask"]
    time_id = (int(month[:4]) - 2017) * 12 + int(month[5:]) - 1
    space_id = ["UK", "US", "AUS", "CAN"].index(region)
    T = weights["time_embed.pe"][time_id].expand(1, 128, HIDDEN)
    S = weights["space_embed.embedding.weight"][space_id].expand(1, 128, HIDDEN)

    def dense(name: str, x: Tensor) -> Tensor:
        return linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(name: str, x: Tensor) -> Tensor:
        return layer_norm(x, (HIDDEN,), weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-12)

    def heads(x: Tensor) -> Tensor:
        return x.view(1, 128, HEADS, HIDDEN // HEADS).transpose(1, 2)

    at = "base.embeddings."
    hidden = weights[f"{at}word_embeddings.weight"][ids] + weights[f"{at}position_embeddings.weight"][:128]
    hidden = norm(f"{at}LayerNorm", hidden + weights[f"{at}token_type_embeddings.weight"][0])
    for layer in range(LAYERS):
        at = f"base.encoder.layer.{layer}."
        query, key, value = (heads(dense(f"{at}attention.self.orig.{n}", hidden)) for n in ("query", "key", "value"))
        Tl, Sl = heads(dense(f"{at}attention.self.W_t", T)), heads(dense(f"{at}attention.self.W_s", S))
        scores = query @ key.transpose(-1, -2)
        for x in (Tl, Sl):
            scores = scores * (x @ x.transpose(-1, -2) / (x.norm(dim=-1, keepdim=True) + 1e-6))
        scores = scores / math.sqrt(HIDDEN // HEADS) + (1 - mask[:, None, None, :]) * torch.finfo(torch.float32).min
        gathered = (scores.softmax(-1) @ value).transpose(1, 2).reshape(1, 128, HIDDEN)
        hidden = norm(f"{at}attention.output.LayerNorm", dense(f"{at}attention.output.dense", gathered) + hidden)
        inner = gelu(dense(f"{at}intermediate.dense", hidden))
        hidden = norm(f"{at}output.LayerNorm", dense(f"{at}output.dense", inner) + hidden)
    real = mask[..., None].float()
    pooler = torch.tanh(dense("base.pooler.dense", hidden[:, 0]))
    return {
        "embedding": (hidden * real).sum(1) / real.sum(1),
        "mlm_logits": dense("mlm_head", hidden[:, 1]),
        "month_logits": dense("time_head", pooler),
        "region_logits": dense("space_head", pooler),
    }


@pytest.mark.parametrize("output", ["embedding", "mlm_logits", "month_logits", "region_logits"])
def test_the_published_arithmetic_is_reproduced(checkpoint: Path, output: str) -> None:
    """In one padded batch with a fused attention, against the formula one sentence at a time."""
    weights = load_file(checkpoint / "model.safetensors")
    expected = torch.cat([naive_forward(weights, *sentence)[output] for sentence in SENTENCES])
    model = SpaceTimeMiniLM.from_published(checkpoint)
    batch = load_tokenizer()([text for text, _, _ in SENTENCES], padding=True, return_tensors="pt")
    month_ids, region_ids = model.label_ids([m for _, m, _ in SENTENCES], [r for _, _, r in SENTENCES])
    masked = torch.zeros_like(batch["input_ids"], dtype=torch.bool)
    masked[:, 1] = True
    with torch.no_grad():
        got = model(
            batch["input_ids"], batch["attention_mask"], month_ids, region_ids, masked_positions=masked, with_heads=True
        )
    scale = expected.abs().max()
    assert scale > 0.5
    torch.testing.assert_close(got[output] / scale, expected / scale, atol=1e-5, rtol=0)


def test_the_encoder_loads_the_published_layout(checkpoint: Path) -> None:
    encoder = SpaceTimeEncoder.load(checkpoint)
    weights = load_file(checkpoint / "model.safetensors")
    texts, months, regions = zip(*SENTENCES, strict=True)
    embeddings = encoder.encode(texts, months, regions, normalize=False)
    expected = torch.cat([naive_forward(weights, *sentence)["embedding"] for sentence in SENTENCES])
    torch.testing.assert_close(torch.from_numpy(embeddings), expected, atol=1e-5, rtol=0)
    assert encoder.months.start == "2017-01" and list(encoder.regions) == ["UK", "US", "AUS", "CAN"]


def test_reading_loses_no_bit(checkpoint: Path) -> None:
    model = SpaceTimeMiniLM.from_published(checkpoint)
    published, state = load_file(checkpoint / "model.safetensors"), model.state_dict()
    assert {name_here(name) for name in published} == state.keys()
    assert [name for name in published if not torch.equal(published[name], state[name_here(name)])] == []


def test_other_months_and_regions_survive_the_published_layout(tmp_path: Path) -> None:
    sizes: dict[str, Any] = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 3, "vocab_size": 50}
    config = SpaceTimeConfig(
        **sizes, first_month="2002-07", last_month="2003-01", regions=["FR", "DE"], normalize=False
    )
    save_published(SpaceTimeMiniLM(config), tmp_path)
    back = SpaceTimeMiniLM.from_published(tmp_path).config
    assert (back.first_month, back.last_month, list(back.regions)) == ("2002-07", "2003-01", ["FR", "DE"])


def changed(checkpoint: Path, folder: Path, drop: str = "", **config: Any) -> Path:
    state = load_file(checkpoint / "model.safetensors")
    state.pop(drop, None)
    save_file(state, folder / "model.safetensors")
    read = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(read | config), encoding="utf-8")
    return folder


def test_a_lacking_weight_is_named(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lack .'time_head.bias'"):
        SpaceTimeMiniLM.from_published(changed(checkpoint, tmp_path, drop="time_head.bias"))


def test_a_weight_of_another_size_is_named(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"does not fit its config.json: size mismatch for bert.encoder.layer.0.intermediate.dense"
    ):
        SpaceTimeMiniLM.from_published(changed(checkpoint, tmp_path, intermediate_size=48))


def test_a_number_of_regions_without_labels_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="num_space 5, but 4 labels are known"):
        SpaceTimeMiniLM.from_published(changed(checkpoint, tmp_path, num_space=5))


def test_a_plain_bert_is_not_taken_for_it(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not in the published layout"):
        SpaceTimeMiniLM.from_published(changed(checkpoint, tmp_path, architectures=["BertModel"]))


def test_pickled_weights_are_not_opened(checkpoint: Path, tmp_path: Path) -> None:
    changed(checkpoint, tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(OSError, match="model.safetensors"):
        SpaceTimeMiniLM.from_published(tmp_path)
    with pytest.raises(FileNotFoundError, match="no model.safetensors"):
        SpaceTimeEncoder.load(tmp_path)


@pytest.mark.slow
def test_the_published_name_loads_from_the_hub(checkpoint: Path, tmp_path: Path) -> None:
    """By its name, from where huggingface_hub keeps what it has fetched; no code of the repository is asked for."""
    on_the_shelf(checkpoint, tmp_path, "HaidarJomaa/Space-Time-MiniLM-v0")
    code = (
        "import numpy; from spacetime import SpaceTimeEncoder\n"
        "encoder = SpaceTimeEncoder.load('HaidarJomaa/Space-Time-MiniLM-v0', 'cpu')\n"
        "numpy.save('got.npy', encoder.encode('Rain.', '2021-12', 'CAN', normalize=False))\n"
    )
    environment = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    expected = naive_forward(load_file(checkpoint / "model.safetensors"), "Rain.", "2021-12", "CAN")["embedding"][0]
    torch.testing.assert_close(torch.from_numpy(np.load(tmp_path / "got.npy")), expected, atol=1e-5, rtol=0)
