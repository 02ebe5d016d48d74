"""Promises to transformers: it knows the model, and loads a saved folder where this package is not installed."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from portability import MONTHS, REGIONS, TEXTS, bare_environment, on_the_shelf, run_there, small_encoder
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModel, AutoTokenizer

from spacetime.encoder import SpaceTimeEncoder
from spacetime.model import SpaceTimeConfig, SpaceTimeMiniLM
from spacetime.model.modeling import CARRIED_FILE

WAYS = [
    ("multiplicative", {"normalize": False, "time_encoding": "sinusoidal_published"}),
    ("additive", {"additive_values": True, "time_encoding": "learned"}),
    ("prefix", {"context_rank": 2, "locator_rank": 4, "mlm_transform": True, "time_encoding": "sinusoidal_calendar"}),
    ("late", {"time_encoding": "calendar"}),
    ("none", {}),
]

# The published model card's example, word for word (Space-Time-MiniLM-v0, Apache-2.0).
PUBLISHED_SNIPPET = """
from modeling_custom_minilm import SpaceTimeMiniLM
from transformers import AutoTokenizer, AutoConfig

tokenizer = AutoTokenizer.from_pretrained("HaidarJomaa/Space-Time-MiniLM-v0")
config = AutoConfig.from_pretrained("HaidarJomaa/Space-Time-MiniLM-v0")
model = SpaceTimeMiniLM.from_pretrained("HaidarJomaa/Space-Time-MiniLM-v0",
        config=config)

sim = model.compute_similarity(
    "The quick brown fox", "A speedy auburn fox",
    time1="2020-01", time2="2020-02", space1="UK", space2="UK",
    tokenizer=tokenizer
)
print("Similarity:", sim)

emb = model.embed_sentence("why is the sky blue?",
        "2020-11", "US",
        tokenizer
)
print("Embeddings:", emb)
"""


@pytest.mark.parametrize(("conditioning", "fields"), WAYS, ids=[way for way, _ in WAYS])
def test_auto_classes_load_every_way_exactly(conditioning: str, fields: dict[str, object], tmp_path: Path) -> None:
    """Through transformers' own doors, with every weight and setting."""
    encoder = small_encoder(conditioning, **fields)
    encoder.save(tmp_path)
    assert isinstance(AutoConfig.from_pretrained(tmp_path), SpaceTimeConfig)
    model = AutoModel.from_pretrained(tmp_path)
    assert isinstance(model, SpaceTimeMiniLM)
    again = SpaceTimeEncoder(model, AutoTokenizer.from_pretrained(tmp_path), "cpu")
    expected, got = encoder.model.state_dict(), model.state_dict()
    assert [name for name in expected if not torch.equal(expected[name], got[name])] == []
    np.testing.assert_array_equal(again.encode(TEXTS, MONTHS, REGIONS), encoder.encode(TEXTS, MONTHS, REGIONS))


def test_the_published_calls_agree_with_the_encoder() -> None:
    encoder = small_encoder()
    first = encoder.model.embed_sentence("Rain.", "2020-01", "UK", encoder.tokenizer)
    second = encoder.model.embed_sentence("Snow.", None, None, encoder.tokenizer)
    assert first.shape == (1, 48)
    expected = np.stack([encoder.encode("Rain.", "2020-01", "UK"), encoder.encode("Snow.")])
    np.testing.assert_allclose(torch.cat([first, second]).numpy(), expected, atol=1e-6)
    cosine = encoder.model.compute_similarity("Rain.", "Snow.", "2020-01", None, "UK", tokenizer=encoder.tokenizer)
    assert isinstance(cosine, float) and cosine == pytest.approx(float(expected[0] @ expected[1]), abs=1e-6)


@pytest.mark.parametrize(
    ("time", "space", "message"),
    [
        ("2016-12", "UK", "month '2016-12' is none of 2017-01..2021-12"),
        ("2020-1", "UK", "month '2020-1' is none of"),
        (202001, "UK", "month 202001 is none of"),
        ("2020-01", "GB", "region 'GB' is none of UK, US, AUS, CAN"),
    ],
)
def test_the_published_calls_refuse_unknown_labels(time: str, space: str, message: str) -> None:
    encoder = small_encoder()
    with pytest.raises(ValueError, match=message):
        encoder.model.embed_sentence("Rain.", time, space, encoder.tokenizer)


def test_a_folder_holds_weights_as_safetensors_only(tmp_path: Path) -> None:
    small_encoder().save(tmp_path)
    assert [f.name for f in tmp_path.iterdir() if f.suffix in (".bin", ".pt", ".pkl", ".pickle", ".ckpt")] == []
    assert "bert.embeddings.word_embeddings.weight" in load_file(tmp_path / "model.safetensors")


def test_saving_over_the_folder_it_came_from_keeps_it_whole(tmp_path: Path) -> None:
    small_encoder().save(tmp_path)
    before = {f.name: f.read_bytes() for f in tmp_path.iterdir()}
    SpaceTimeEncoder.load(tmp_path, "cpu").save(tmp_path)
    assert {f.name: f.read_bytes() for f in tmp_path.iterdir()} == before


def test_code_in_a_folder_does_not_run_unasked(tmp_path: Path) -> None:
    """Neither the model's own file, nor one that a changed configuration or tokenizer names."""
    small_encoder().save(tmp_path / "saved")
    trap = f"from pathlib import Path\nPath({str(tmp_path / 'sprung')!r}).touch()\n"
    for name in ("trap.py", CARRIED_FILE, "sentence_transformers_module.py"):
        (tmp_path / "saved" / name).write_text(trap, encoding="utf-8")
    for name, mapped in (
        ("config.json", {"AutoConfig": "trap.Config", "AutoModel": "trap.Model"}),
        ("tokenizer_config.json", {"AutoTokenizer": [None, "trap.Tokenizer"]}),
    ):
        file = tmp_path / "saved" / name
        file.write_text(json.dumps(json.loads(file.read_text()) | {"auto_map": mapped}), encoding="utf-8")
    SpaceTimeEncoder.load(tmp_path / "saved", "cpu").encode("Rain.", "2020-03", "UK")
    assert not (tmp_path / "sprung").exists()


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bare_environment(tmp_path_factory.mktemp("bare"), "torch", "transformers")


@pytest.mark.slow
def test_a_machine_without_this_package_gives_the_same_embeddings(bare_python: Path, tmp_path: Path) -> None:
    """With torch and transformers only; and only when it is told to trust the folder's code."""
    encoder = small_encoder("prefix", context_rank=2, locator_rank=4, mlm_transform=True)
    encoder.save(tmp_path / "saved")
    code = f"""
import torch
from transformers import AutoModel, AutoTokenizer
try:
    AutoModel.from_pretrained("saved", trust_remote_code=False)
except ValueError as error:
    assert "trust_remote_code" in str(error), error
else:
    raise SystemExit("code of the folder ran unasked")
model = AutoModel.from_pretrained("saved", trust_remote_code=True).eval()
batch = AutoTokenizer.from_pretrained("saved")({TEXTS!r}, padding=True, return_tensors="pt")
months, regions = model.label_ids({MONTHS!r}, {REGIONS!r})
with torch.no_grad():
    output = model(batch["input_ids"], batch["attention_mask"], months, regions)
    located = model.locate(batch["input_ids"], batch["attention_mask"])
model.save_pretrained("again")
torch.save([output.embedding, *located], "embeddings.pt")
"""
    run_there(bare_python, code, tmp_path)
    embedding, months, regions = torch.load(tmp_path / "embeddings.pt")
    np.testing.assert_allclose(embedding.numpy(), encoder.encode(TEXTS, MONTHS, REGIONS), atol=1e-6)
    location = encoder.locate(TEXTS)
    np.testing.assert_allclose(months.softmax(-1).numpy(), location.month_probabilities, atol=1e-6)
    np.testing.assert_allclose(regions.softmax(-1).numpy(), location.region_probabilities, atol=1e-6)
    for name in (CARRIED_FILE, "model.safetensors"):  # saved there, a model is as whole as saved here
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "saved" / name).read_bytes()
    assert json.loads((tmp_path / "again/config.json").read_text())["auto_map"] == SAVED_MAP


SAVED_MAP = {
    "AutoConfig": "modeling_custom_minilm.SpaceTimeConfig",
    "AutoModel": "modeling_custom_minilm.SpaceTimeMiniLM",
}


@pytest.mark.slow
def test_the_published_cards_snippet_runs_word_for_word(bare_python: Path, tmp_path: Path) -> None:
    """Against a model of the published design, under the published name on the (local) hub."""
    encoder = small_encoder("multiplicative", normalize=False, time_encoding="sinusoidal_published")
    encoder.save(tmp_path / "saved")
    on_the_shelf(tmp_path / "saved", tmp_path / "hf", "HaidarJomaa/Space-Time-MiniLM-v0")
    code = PUBLISHED_SNIPPET + "\ntorch = __import__('torch'); torch.save(emb, 'embedding.pt')\n"
    printed = run_there(bare_python, code, tmp_path, PYTHONPATH=str(tmp_path / "saved"))
    expected = encoder.encode(["The quick brown fox", "A speedy auburn fox"], ["2020-01", "2020-02"], "UK")
    similarity = float(printed.split("Similarity: ")[1].split()[0])
    assert similarity == pytest.approx(float(expected[0] @ expected[1]), abs=1e-5)
    sky = encoder.encode("why is the sky blue?", "2020-11", "US", normalize=False)
    np.testing.assert_allclose(torch.load(tmp_path / "embedding.pt").numpy(), sky[None], atol=1e-5)
