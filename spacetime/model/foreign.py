"""A model folder from elsewhere: what its files say is checked before anything is allocated, and no code of it runs.

A configuration may claim any size. It is compared with the header of the safetensors file, which holds the shape of
every tensor and is read without the tensors. Only the fields that this package knows are taken from it.
"""

import dataclasses
import json
import math
import pickle
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
import transformers
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor
from transformers import BertConfig
from transformers.activations import ACT2FN
from transformers.utils import cached_file

from spacetime.model.modeling import AUTO_MAP, SpaceTimeConfig

# What the checkpoint decides about the backbone; everything else in the configuration is ours.
BACKBONE_SIZES = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "max_position_embeddings",
    "type_vocab_size",
    "layer_norm_eps",
    "pad_token_id",
)
_OWN = {field.name for field in dataclasses.fields(SpaceTimeConfig)} - {
    field.name for field in dataclasses.fields(BertConfig)
}
_TAKEN = {*BACKBONE_SIZES, *_OWN, "attention_probs_dropout_prob", "hidden_dropout_prob", "initializer_range"} | {
    "architectures",
    "dtype",
    "tie_word_embeddings",
}
# Keys that make transformers itself allocate, or fetch code; `from_published` would hand them on.
_REFUSED = ("num_labels", "attn_implementation", "_attn_implementation", "per_layer_config", "quantization_config")
_LEAST = {name: 1 for name in BACKBONE_SIZES if name not in ("hidden_act", "layer_norm_eps", "pad_token_id")}
_OWN_CODE = {*AUTO_MAP.values(), "sentence_transformers_module.SpaceTimeModule"}
Config = TypeVar("Config", bound=BertConfig)


def read_json(file: Path) -> dict[str, Any]:
    """The file's object; empty if there is no such file.

    Raises
    ------
    ValueError
        The file is not a JSON object.
    """
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{file} must hold a JSON object, not {type(found).__name__}")
    return found


def weight_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor in a safetensors file, from its header alone.

    Raises
    ------
    ValueError
        The file is cut short, or its header does not describe it.
    """
    try:
        with safe_open(file, "pt") as opened:
            return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(file, error) from error


def load_weights(file: Path) -> dict[str, Tensor]:
    """Every tensor of a safetensors file, or of an old `.bin`, which is read without running what it pickles.

    Raises
    ------
    ValueError
        The file is damaged, or holds more than weights.
    """
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        found = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, ValueError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise _damaged(file, error) from error
    if not isinstance(found, Mapping) or not all(isinstance(tensor, Tensor) for tensor in found.values()):
        raise ValueError(f"{file} must hold weights by name, and nothing else")
    return dict(found)


def _damaged(file: Path, error: Exception) -> ValueError:
    return ValueError(f"{file} cannot be loaded: {(str(error).strip() or type(error).__name__).splitlines()[0]}")


def read_described(path_or_name: str | Path) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
    """Content of a model's `config.json`, and the shapes of its weights, from a folder or from the hub."""
    config, weights = (cached_file(str(path_or_name), name) for name in ("config.json", "model.safetensors"))
    assert config is not None and weights is not None  # else `cached_file` has raised
    return read_json(Path(config)), weight_shapes(Path(weights))


def backbone_config(found: dict[str, Any], where: str | Path) -> BertConfig:
    """What a plain checkpoint's `config.json` says about the backbone."""
    return _made(BertConfig, {name: found[name] for name in BACKBONE_SIZES if name in found}, where)


def space_time_config(found: dict[str, Any], where: str | Path, **fixed: Any) -> SpaceTimeConfig:
    """The configuration in a `config.json`, without the fields that this package does not know.

    Parameters
    ----------
    found
        Content of the file.
    where
        Folder or name on the hub, for errors.
    **fixed
        Fields over those of the file.

    Raises
    ------
    ValueError
        A field has a value that is not allowed.
    """
    return _made(SpaceTimeConfig, {name: found[name] for name in _TAKEN if name in found} | fixed, where)


def _made(kind: type[Config], fields: dict[str, Any], where: str | Path) -> Config:
    try:
        config = kind(**fields)
    except (StrictDataclassError, ValueError, TypeError, AttributeError) as error:
        cause = str(error.__cause__ or error).splitlines()[-1].strip()
        raise ValueError(f"{where}/config.json: {cause}") from error
    _check_values(config, where)
    return config


def _check_values(config: BertConfig, where: str | Path) -> None:
    """Raise ValueError for a value that no model can have, whatever its weights."""
    for name, least in (_LEAST | {"max_length": 1, "context_rank": 0, "locator_rank": 0}).items():
        value = getattr(config, name, least)
        if type(value) is not int or value < least:
            raise ValueError(f"{where}/config.json: {name} must be a whole number of at least {least}, not {value!r}")
    if config.hidden_size % config.num_attention_heads:
        raise ValueError(
            f"{where}/config.json: hidden_size {config.hidden_size} is not a multiple of num_attention_heads "
            f"{config.num_attention_heads}"
        )
    for name, allowed in (
        ("hidden_act", config.hidden_act in ACT2FN),
        ("layer_norm_eps", math.isfinite(config.layer_norm_eps) and config.layer_norm_eps > 0),
        ("pad_token_id", config.pad_token_id is None or 0 <= config.pad_token_id < config.vocab_size),
        ("region_coordinates", all(len(place) == 2 for place in getattr(config, "region_coordinates", None) or [])),
    ):
        if not allowed:
            raise ValueError(f"{where}/config.json: {name} cannot be {getattr(config, name)!r:.80}")


def check_sizes(
    config: BertConfig, shapes: Mapping[str, tuple[int, ...]], where: str | Path, *, may_lack: tuple[str, ...] = ()
) -> None:
    """Compare a configuration with the shapes of the weights.

    Parameters
    ----------
    config
        Of the model, or of its backbone alone.
    shapes
        Shape of every weight, by its name in `SpaceTimeMiniLM`.
    where
        Folder or name on the hub, for errors.
    may_lack
        Weights that may be missing.

    Raises
    ------
    ValueError
        A size is not that of the weights; the message names it.
    """
    layers = {name.split(".")[3] for name in shapes if name.startswith("bert.encoder.layer.")}
    _same(config.num_hidden_layers, len(layers), "num_hidden_layers", "layers", where)
    if isinstance(config, SpaceTimeConfig) and config.max_length > config.max_position_embeddings:
        raise ValueError(
            f"{where}/config.json: max_length {config.max_length} is beyond max_position_embeddings "
            f"{config.max_position_embeddings}"
        )
    for name, keys in _tables(config):
        shape = shapes.get(name)
        if shape is None and name in may_lack:
            continue
        if shape is None or len(shape) != len(keys):
            raise ValueError(
                f"the weights in {where} do not fit its config.json: it lacks {name}, of {' x '.join(keys)}"
                if shape is None
                else f"the weights in {where} do not fit its config.json: {name} has shape {shape}"
            )
        for (key, size), found in zip(keys.items(), shape, strict=True):
            _same(size, found, key, name, where)


def _same(size: int, found: int, key: str, name: str, where: str | Path) -> None:
    if size != found:
        raise ValueError(
            f"the weights in {where} do not fit its config.json: {key} is {size:,} there, and {found:,} in the weights "
            f"({name})"
        )


def _tables(config: BertConfig) -> Iterator[tuple[str, dict[str, int]]]:
    """Weights whose shapes together show every size that a configuration can claim."""

    def of(*keys: str) -> dict[str, int]:
        return {key: getattr(config, key) for key in keys}

    width = of("hidden_size")
    for name in ("word", "position", "token_type"):
        rows = {"word": "vocab_size", "position": "max_position_embeddings", "token_type": "type_vocab_size"}[name]
        yield f"bert.embeddings.{name}_embeddings.weight", of(rows) | width
    for layer in range(config.num_hidden_layers):  # as many as there are: that was compared first
        place = f"bert.encoder.layer.{layer}"
        yield f"{place}.attention.self.query.weight", width | {"hidden_size of queries": config.hidden_size}
        yield f"{place}.intermediate.dense.weight", of("intermediate_size") | width
        if getattr(config, "context_rank", 0):
            yield f"{place}.attention.self.conditioning.low_rank.query.down.weight", of("context_rank") | width
    if not isinstance(config, SpaceTimeConfig):
        return
    months = {"number of months from first_month to last_month": config.num_months}
    regions = {"number of regions": config.num_regions}
    yield "time_head.weight", months | width
    yield "space_head.weight", regions | width
    if config.region_encoding == "tokenized":
        yield "space_embed.weight", regions | width
    if config.locator_rank:
        outputs = {"number of months and regions": config.num_months + config.num_regions}
        yield "locator.pieces.weight", of("vocab_size", "locator_rank")
        yield "locator.from_pieces.weight", outputs | of("locator_rank")


def refuse_unknown_settings(found: dict[str, Any], where: str | Path) -> None:
    """Raise ValueError if a published `config.json` asks transformers for more than a model of the published form."""
    for name in _REFUSED:
        if found.get(name) is not None:
            raise ValueError(
                f"{where}/config.json asks for {name}={found[name]!r:.80}, which is not taken from a folder"
            )


def file_of(path_or_name: str | Path, name: str) -> Path | None:
    """A file of a folder, or of a model on the hub; None if it has no such file."""
    found = cached_file(str(path_or_name), name, _raise_exceptions_for_missing_entries=False)
    return None if found is None else Path(found)


def code_named_by(path_or_name: str | Path) -> dict[str, list[str]]:
    """The code, other than this package's own, that a folder asks other libraries to run, by the file that names it."""
    named: dict[str, list[str]] = {}
    for name in ("config.json", "tokenizer_config.json", "modules.json"):
        file = file_of(path_or_name, name)
        text = "{}" if file is None else file.read_text(encoding="utf-8", errors="replace")
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            continue  # whoever needs the file says so
        modules = found if isinstance(found, list) else []
        wanted = [module.get("type") for module in modules if isinstance(module, dict)]
        if isinstance(found, dict):
            wanted = _leaves(found.get("auto_map")) + [found.get("tokenizer_class")]
        named[name] = [code for code in wanted if isinstance(code, str) and not _known_code(code)]
    return {name: codes for name, codes in named.items() if codes}


def _leaves(mapped: Any) -> list[Any]:
    """Values of an `auto_map`: a list, or a mapping to names or lists."""
    values = mapped.values() if isinstance(mapped, dict) else mapped if isinstance(mapped, list) else [mapped]
    return [leaf for value in values for leaf in (value if isinstance(value, list) else [value])]


def _known_code(name: str) -> bool:
    if name in _OWN_CODE or name.startswith("sentence_transformers."):
        return True
    return name.isidentifier() and isinstance(getattr(transformers, name, None), type)


def warn_of_code(path_or_name: str | Path) -> None:
    """Warn, in one line, if a folder names code of its own: it was not run."""
    if named := code_named_by(path_or_name):
        told = "; ".join(f"{file}: {', '.join(dict.fromkeys(codes))}" for file, codes in named.items())
        warnings.warn(
            f"{path_or_name} names code of its own ({told}); it was not run, and the folder is read as data alone",
            stacklevel=3,
        )
