"""A model folder from elsewhere runs no code and cannot make this package allocate what its weights do not hold."""

import ast
import json
import shutil
import struct
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from portability import save_published, small_encoder
from safetensors.torch import load_file, save_file

import spacetime
from spacetime.encoder import SpaceTimeEncoder
from spacetime.model import SpaceTimeConfig, SpaceTimeMiniLM, find_plain_weights, load_tokenizer
from spacetime.model.saving import load_delta

PACKAGE = Path(spacetime.__file__).parent
# `datasets.load_dataset` runs no code since 4.0, the oldest that this package takes.
LOADERS = {"from_pretrained", "SentenceTransformer", "CrossEncoder", "pipeline", "get_class_from_dynamic_module"}


def test_no_call_of_ours_lets_a_folder_run_its_code() -> None:
    """Every call of a loader says so; the module that travels with a saved model passes its caller's own word on."""
    silent = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "attr", None) or getattr(
                getattr(node, "func", None), "id", None
            )
            if not isinstance(node, ast.Call) or name not in LOADERS:
                continue
            told = [ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg == "trust_remote_code"]
            passed_on = path.name == "sentence_transformers_module.py" and told == ["trust_remote_code"]
            if told != ["False"] and not passed_on:
                silent.append(f"{path.relative_to(PACKAGE)}, line {node.lineno}: {ast.unparse(node)}")
    assert silent == []


def test_the_library_of_data_sets_has_no_loading_scripts() -> None:
    assert int(datasets.__version__.split(".")[0]) >= 4


def test_the_walk_over_the_source_sees_loaders() -> None:
    """It would find nothing wrong in a package whose loaders it does not see."""
    calls = [path for path in PACKAGE.rglob("*.py") if ".from_pretrained(" in path.read_text(encoding="utf-8")]
    assert {"weights.py", "saving.py", "sentence_transformers_module.py"} <= {path.name for path in calls}


# ------------------------------------------------------------------------------------------- code of its own


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("foreign") / "saved"
    small_encoder("prefix", context_rank=2, locator_rank=4).save(folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    shutil.copytree(saved, tmp_path / "model")
    return tmp_path / "model"


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | values), encoding="utf-8")


def mine(folder: Path) -> None:
    (folder / "modules.json").write_text('[{"idx": 0, "name": "0", "path": "", "type": "trap.Module"}]')


@pytest.mark.parametrize(
    ("set_trap", "named"),
    [
        (
            lambda f: change(
                f / "tokenizer_config.json", tokenizer_class="Mine", auto_map={"AutoTokenizer": [None, "trap.Mine"]}
            ),
            "tokenizer_config.json: trap.Mine, Mine",
        ),
        (lambda f: change(f / "tokenizer_config.json", auto_map=["trap.Slow", "trap.Fast"]), "trap.Slow, trap.Fast"),
        (lambda f: change(f / "tokenizer_config.json", tokenizer_class="Mine"), "tokenizer_config.json: Mine"),
        (lambda f: change(f / "config.json", auto_map={"AutoModel": "trap.Model"}), "config.json: trap.Model"),
        (lambda f: change(f / "config.json", auto_map={"AutoModel": "who/else--trap.Model"}), "who/else--trap.Model"),
        (mine, "modules.json: trap.Module"),
    ],
)
def test_code_that_a_folder_names_is_told_and_never_run_nor_asked_about(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, set_trap: Callable[[Path], None], named: str
) -> None:
    expected = SpaceTimeEncoder.load(folder, "cpu").encode("Snow in May.", "2020-05", "UK")
    (folder / "trap.py").write_text(f"import pathlib\npathlib.Path({str(tmp_path / 'sprung')!r}).touch()\n")
    set_trap(folder)
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asked"))
    with pytest.warns(UserWarning) as caught:
        encoder = SpaceTimeEncoder.load(folder, "cpu")
    told = [str(warning.message) for warning in caught]
    assert len(told) == 1 and named in told[0] and "it was not run" in told[0] and "\n" not in told[0]
    assert (encoder.encode("Snow in May.", "2020-05", "UK") == expected).all()
    assert not (tmp_path / "sprung").exists()


def test_the_command_line_tells_it_in_one_line(folder: Path, tmp_path: Path) -> None:
    change(folder / "tokenizer_config.json", tokenizer_class="Mine", auto_map={"AutoTokenizer": [None, "trap.Mine"]})
    command = [sys.executable, "-m", "spacetime.cli", "encode", "Snow in May.", "--model", str(folder)]
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "x.npy")], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    told = [line for line in done.stderr.splitlines() if "trap.Mine" in line]
    assert done.returncode == 0 and len(told) == 1 and told[0].startswith(f"spacetime: warning: {folder} names code")


def test_a_plain_bert_with_a_tokenizer_of_its_own_runs_none_of_it(tmp_path: Path) -> None:
    plain = tmp_path / "bert"
    shutil.copytree(find_plain_weights(), plain)
    change(plain / "tokenizer_config.json", tokenizer_class="Mine", auto_map={"AutoTokenizer": [None, "trap.Mine"]})
    (plain / "trap.py").write_text(f"import pathlib\npathlib.Path({str(tmp_path / 'sprung')!r}).touch()\n")
    with pytest.warns(UserWarning, match="tokenizer_config.json: trap.Mine, Mine"):
        encoder = SpaceTimeEncoder.from_plain("none", weights=plain, sha256=None, device="cpu")
    assert encoder.tokenizer("Snow in May.")["input_ids"] == load_tokenizer()("Snow in May.")["input_ids"]
    assert not (tmp_path / "sprung").exists()


def test_a_folder_of_our_own_is_loaded_without_a_word(saved: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SpaceTimeEncoder.load(saved, "cpu")


def test_a_tokenizer_that_is_damaged_ends_in_one_line(folder: Path) -> None:
    (folder / "tokenizer.json").write_text('{"model": {"type": "WordPiece"}}')
    with pytest.raises(ValueError, match="the tokenizer of .* cannot be loaded: ") as caught:
        SpaceTimeEncoder.load(folder, "cpu")
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------------------ a configuration that lies

LIES = [
    ("vocab_size", 2_000_000_000, "vocab_size is 2,000,000,000 there, and 30,522 in the weights"),
    ("vocab_size", 30_523, "vocab_size is 30,523 there, and 30,522 in the weights"),
    ("num_hidden_layers", 5_000, "num_hidden_layers is 5,000 there, and 2 in the weights"),
    ("hidden_size", 3_000_000, "hidden_size is 3,000,000 there, and 48 in the weights"),
    ("intermediate_size", 10**9, "intermediate_size is 1,000,000,000 there, and 64 in the weights"),
    ("max_position_embeddings", 10**10, "max_position_embeddings is 10,000,000,000 there, and 512 in the weights"),
    ("type_vocab_size", 10**10, "type_vocab_size is 10,000,000,000 there, and 2 in the weights"),
    ("vocab_size", -1, "vocab_size must be a whole number of at least 1, not -1"),
    ("hidden_size", 0, "hidden_size must be a whole number of at least 1, not 0"),
    ("num_attention_heads", 0, "num_attention_heads must be a whole number of at least 1, not 0"),
    ("num_attention_heads", 5, "hidden size (48) is not a multiple of the number of attention heads (5)"),
    ("num_hidden_layers", "6", "num_hidden_layers"),
    ("vocab_size", float("nan"), "vocab_size"),
    ("hidden_size", None, "hidden_size"),
    ("layer_norm_eps", float("nan"), "layer_norm_eps cannot be nan"),
    ("pad_token_id", 40_000, "config.json: Padding_idx must be within num_embeddings"),
    ("hidden_act", "magic", "hidden_act cannot be 'magic'"),
]
OUR_LIES = [
    ("locator_rank", 100_000_000, "locator_rank is 100,000,000 there, and 4 in the weights"),
    ("context_rank", 100_000_000, "context_rank is 100,000,000 there, and 2 in the weights"),
    ("context_rank", -4, "context_rank must be a whole number of at least 0, not -4"),
    ("last_month", "9999-12", "num_months is 95,796 there, and 60 in the weights"),
    ("regions", [f"R{i}" for i in range(100_000)], "num_regions is 100,000 there, and 4 in the weights"),
    ("max_length", 10**9, "max_length 1000000000 is beyond max_position_embeddings 512"),
    ("region_coordinates", [[1.0]] * 4, "region_coordinates cannot be"),
]


@pytest.fixture
def nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is made in spite of the lie would fill the memory: it may be made on `meta` only, without any."""
    make = SpaceTimeMiniLM.__init__

    def checked(model: SpaceTimeMiniLM, config: SpaceTimeConfig) -> None:
        assert torch.get_default_device().type == "meta", "a model was made"
        make(model, config)

    monkeypatch.setattr(SpaceTimeMiniLM, "__init__", checked)


def refused(load: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        load()
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.usefixtures("nothing_is_made")
@pytest.mark.parametrize(("key", "value", "message"), [*LIES, *OUR_LIES])
def test_a_configuration_is_compared_with_the_weights_first(folder: Path, key: str, value: Any, message: str) -> None:
    change(folder / "config.json", **{key: value})
    refused(lambda: SpaceTimeEncoder.load(folder, "cpu"), message)


def test_settings_that_are_not_the_models_are_not_taken(folder: Path) -> None:
    """transformers would make two billion names of labels, or fetch a kernel from the hub."""
    change(folder / "config.json", num_labels=2_000_000_000, attn_implementation="who/else", is_decoder=True, save=1)
    config = SpaceTimeEncoder.load(folder, "cpu").model.config
    assert config.num_labels == 2 and not config.is_decoder and config._attn_implementation in ("sdpa", "eager")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published") / "model"
    sizes: dict[str, Any] = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3}
    model = SpaceTimeMiniLM(SpaceTimeConfig(**sizes, intermediate_size=64, normalize=False))
    save_published(model, folder)
    load_tokenizer().save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        *LIES,
        ("num_labels", 2_000_000_000, "asks for num_labels=2000000000"),
        ("attn_implementation", "who/else", "asks for attn_implementation='who/else'"),
        ("last_month", "9999-12", "num_months is 95,796 there, and 60 in the weights"),
    ],
)
def test_the_published_layout_is_compared_first(
    published: Path, tmp_path: Path, request: pytest.FixtureRequest, key: str, value: Any, message: str
) -> None:
    shutil.copytree(published, tmp_path / "model")
    change(tmp_path / "model/config.json", **{key: value})
    request.getfixturevalue("nothing_is_made")  # not before the published one
    refused(lambda: SpaceTimeEncoder.load(tmp_path / "model", "cpu"), message)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory, published: Path) -> Path:
    """A plain BERT of 2 layers, as other libraries save one."""
    folder = tmp_path_factory.mktemp("bert") / "model"
    shutil.copytree(published, folder)
    weights = {
        name.removeprefix("base."): tensor.clone()
        for name, tensor in load_file(published / "model.safetensors").items()
        if name.startswith("base.") and ".W_" not in name
    }
    save_file(
        {name.replace(".self.orig.", ".self."): tensor for name, tensor in weights.items()},
        folder / "model.safetensors",
    )
    config = json.loads((folder / "config.json").read_text())
    kept = {name: value for name, value in config.items() if name not in ("num_space", "num_time", "regions")}
    (folder / "config.json").write_text(json.dumps(kept | {"architectures": ["BertModel"]}))
    return folder


def test_a_plain_bert_is_taken(bert: Path) -> None:
    change(bert / "config.json", num_labels=2_000_000_000)  # names of labels: no part of it here
    encoder = SpaceTimeEncoder.from_plain("none", weights=bert, sha256=None, device="cpu")
    assert encoder.encode("Snow in May.").shape == (48,)


@pytest.mark.parametrize(("key", "value", "message"), LIES)
def test_a_plain_bert_is_compared_first(
    bert: Path, tmp_path: Path, request: pytest.FixtureRequest, key: str, value: Any, message: str
) -> None:
    shutil.copytree(bert, tmp_path / "model")
    change(tmp_path / "model/config.json", **{key: value})
    request.getfixturevalue("nothing_is_made")
    refused(lambda: SpaceTimeEncoder.from_plain("none", weights=tmp_path / "model", sha256=None), message)


@pytest.mark.usefixtures("nothing_is_made")
@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("vocab_size", 2_000_000_000, "vocab_size is 2,000,000,000 there, and 30,522 in the weights"),
        ("locator_rank", 100_000_000, "locator_rank is 100,000,000 there, and 64 in the weights"),
        ("context_rank", 100_000_000, "context_rank is 100,000,000 there, and 8 in the weights"),
        ("last_month", "9999-12", "it asks for the shape (96012, 64), and the weights have (327, 64)"),
        ("num_hidden_layers", 5_000, "num_hidden_layers is 5,000 there, and 6 in the weights"),
        ("conditioning", 7, "conditioning"),
        ("changes", "nothing", "changes nothing"),
    ],
)
def test_a_delta_is_compared_first(tmp_path: Path, key: str, value: Any, message: str) -> None:
    shutil.copytree(PACKAGE / "released", tmp_path / "delta")
    change(tmp_path / "delta/config.json", **{key: value})
    refused(lambda: load_delta(tmp_path / "delta"), message)
    refused(lambda: SpaceTimeEncoder.load(tmp_path / "delta"), message)


@pytest.mark.parametrize("text", ["[]", "{", "[" * 100_000, '{"vocab_size": ' + "9" * 5000 + "}", "\xff"])
def test_a_configuration_that_is_none_ends_in_one_line(folder: Path, text: str) -> None:
    (folder / "config.json").write_bytes(text.encode("latin-1"))
    refused(lambda: SpaceTimeEncoder.load(folder, "cpu"), "config.json")


# ------------------------------------------------------------------------------------------ a header that lies


def header(content: dict[str, Any], data: bytes = b"", length: int | None = None) -> bytes:
    text = json.dumps(content).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(shape: list[int], first: int, last: int) -> dict[str, Any]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [first, last]}


WORDS = "bert.embeddings.word_embeddings.weight"


@pytest.mark.usefixtures("nothing_is_made")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x08",
        header({}, length=2**63),
        header({}, length=10**9),
        header({WORDS: tensor([2_000_000_000, 48], 0, 8)}, bytes(8)),
        header({WORDS: tensor([1, 2], 0, 8), "b": tensor([1, 2], 4, 12)}, bytes(12)),
        header({WORDS: tensor([1, 2], 0, 8)}, bytes(4)),
        header({WORDS: tensor([2**62, 2**62], 0, 8)}, bytes(8)),
        header({WORDS: {"dtype": "X9", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
        b"not weights at all, but longer than a header's length",
    ],
)
def test_a_header_that_lies_ends_in_one_line(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    refused(lambda: SpaceTimeEncoder.load(folder, "cpu"), "cannot be loaded")


def test_empty_tensors_do_not_vouch_for_a_size(folder: Path) -> None:
    """A tensor of no columns takes no byte, however many rows it claims."""
    weights = load_file(folder / "model.safetensors")
    save_file(weights | {WORDS: torch.empty(2_000_000_000, 0)}, folder / "model.safetensors")
    change(folder / "config.json", vocab_size=2_000_000_000)
    refused(lambda: SpaceTimeEncoder.load(folder, "cpu"), "hidden_size is 48 there, and 0 in the weights")


def test_pickled_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"weight": torch.zeros(1)}, folder / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match="no model.safetensors in"):
        SpaceTimeEncoder.load(folder, "cpu")


def test_a_base_checkpoints_bin_that_pickles_code_is_refused(bert: Path, tmp_path: Path) -> None:
    shutil.copytree(bert, tmp_path / "model")
    (tmp_path / "model/model.safetensors").unlink()

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "sprung",)

    torch.save({"weight": Trap()}, tmp_path / "model/pytorch_model.bin")
    refused(
        lambda: SpaceTimeEncoder.from_plain("none", weights=tmp_path / "model", sha256=None),
        "pytorch_model.bin cannot be loaded",
    )
    assert not (tmp_path / "sprung").exists()
