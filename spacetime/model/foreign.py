"""A model folder from elsewhere: what its files say is checked before anything is allocated, and no code of it runs.

A configuration may claim any size. A model of that size is made on torch's device `meta`, which takes no memory, and
compared with the header of the safetensors file, which holds the shape of every tensor and is read without the tensors.
Only the fields that this package knows are taken from a configuration.
"""

import dataclasses
import json
import math
import pickle
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor
from transformers import BertConfig
from transformers.activations import ACT2FN
from transformers.utils import cached_file

from spacetime.inputs import whole_number
from spacetime.model.modeling import AUTO_MAP, SpaceTimeConfig, SpaceTimeMiniLM

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
_TAKEN = {
    *BACKBONE_SIZES,
    *({field.name for field in dataclasses.fields(SpaceTimeConfig)} - {f.name for f in dataclasses.fields(BertConfig)}),
    *("attention_probs_dropout_prob", "hidden_dropout_prob", "initializer_range"),
    *("architectures", "dtype", "tie_word_embeddings"),
}
_LEAST = {name: 1 for name in BACKBONE_SIZES if name not in ("hidden_act", "layer_norm_eps", "pad_token_id")}
_LEAST |= {"max_length": 1, "context_rank": 0, "locator_rank": 0}
_SIZES = (*_LEAST, "num_months", "num_regions")
_OWN_CODE = {*AUTO_MAP.values(), "sentence_transformers_module.SpaceTimeModule"}


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or the name of its class."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def read_json(file: Path | None) -> dict[str, Any]:
    """The file's object; empty if there is no such file; ValueError if it is not a JSON object."""
    if file is None or not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{file} must hold a JSON object, not {type(found).__name__}")
    return found


def weight_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor in a safetensors file, from its header alone; ValueError if that does not describe it."""
    try:
        with safe_open(file, "pt") as opened:
            return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"{file} cannot be loaded: {first_line(error)}") from error


def load_weights(file: Path) -> dict[str, Tensor]:
    """Every tensor of a safetensors file, or of an old `.bin`, which is read without running what it pickles."""
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        found = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, ValueError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{file} cannot be loaded: {first_line(error)}") from error
    if not isinstance(found, Mapping) or not all(isinstance(tensor, Tensor) for tensor in found.values()):
        raise ValueError(f"{file} must hold weights by name, and nothing else")
    return dict(found)


def checked_config(found: Mapping[str, Any], where: str | Path, **fixed: Any) -> SpaceTimeConfig:
    """The configuration in a `config.json`, with what is fixed; ValueError for a value that no model can have."""
    try:
        config = SpaceTimeConfig(**({name: found[name] for name in _TAKEN if name in found} | fixed))
    except (StrictDataclassError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{where}/config.json: {cause_of(error)}") from error
    for name, least in _LEAST.items():
        whole_number(getattr(config, name), f"{where}/config.json: {name}", least)
    if config.max_length > config.max_position_embeddings:
        raise ValueError(
            f"{where}/config.json: max_length {config.max_length} is beyond max_position_embeddings "
            f"{config.max_position_embeddings}"
        )
    for name, allowed in (
        ("hidden_act", config.hidden_act in ACT2FN),
        ("layer_norm_eps", 0 < config.layer_norm_eps < math.inf),
        ("region_coordinates", all(len(place) == 2 for place in config.region_coordinates or [])),
    ):
        if not allowed:
            raise ValueError(f"{where}/config.json: {name} cannot be {getattr(config, name)!r:.80}")
    return config


def cause_of(error: Exception) -> str:
    """The reason inside a configuration's own error, in one line."""
    return str(error.__cause__ or error).splitlines()[-1].strip()


def check_sizes(
    config: SpaceTimeConfig,
    shapes: Mapping[str, tuple[int, ...]],
    where: str | Path,
    may_lack: Callable[[str], bool] = lambda name: False,
) -> None:
    """Compare a configuration with the shapes of the weights, by their names in `SpaceTimeMiniLM`.

    ValueError: a weight is missing, unless `may_lack` says that it may be, or unknown, or of another size than the
    configuration claims; `where` is the folder or the name on the hub.
    """
    misfit = f"the weights in {where} do not fit its config.json"
    layers = len({name.split(".")[3] for name in shapes if name.startswith("bert.encoder.layer.")})
    if layers != config.num_hidden_layers:  # first, as each layer that is made takes time
        raise ValueError(
            f"{misfit}: num_hidden_layers is {config.num_hidden_layers:,} there, and {layers:,} in the weights"
        )
    try:
        with torch.device("meta"):
            model = SpaceTimeMiniLM(config)
    except Exception as error:  # whatever torch and transformers say of sizes that cannot be
        raise ValueError(f"{where}/config.json: {first_line(error):.200}") from error
    claimed = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    for name in [*claimed, *sorted(shapes.keys() - claimed)]:
        if name not in shapes:
            if name not in model.all_tied_weights_keys and not may_lack(name):
                raise ValueError(f"{misfit}: it lacks {name}, of shape {claimed[name]}")
        elif name not in claimed:
            if not name.endswith("position_ids"):  # 0, 1, 2, ...: no weight, and BERT rebuilds it
                raise ValueError(f"{misfit}: it has besides {name}")
        elif claimed[name] != shapes[name]:
            raise ValueError(f"{misfit}: {_difference(config, claimed[name], shapes[name])} ({name})")


def _difference(config: SpaceTimeConfig, claimed: tuple[int, ...], found: tuple[int, ...]) -> str:
    """Where two shapes differ, by the configuration's own word for the size where only one field has it."""
    if len(claimed) == len(found):
        size, other = next((size, other) for size, other in zip(claimed, found, strict=True) if size != other)
        fields = [name for name in _SIZES if getattr(config, name) == size]
        if len(fields) == 1:
            return f"{fields[0]} is {size:,} there, and {other:,} in the weights"
    return f"it asks for the shape {claimed}, and the weights have {found}"


def code_named_by(path_or_name: str | Path) -> dict[str, list[str]]:
    """The code, other than this package's own, that a folder asks other libraries to run, by the file that names it."""
    named: dict[str, list[str]] = {}
    for name in ("config.json", "tokenizer_config.json", "modules.json"):
        file = cached_file(str(path_or_name), name, _raise_exceptions_for_missing_entries=False)
        if file is None:
            continue
        try:
            found = json.loads(Path(file).read_text(encoding="utf-8", errors="replace"))
            keys = ("type",) if isinstance(found, list) else ("auto_map", "tokenizer_class")
            parts = [part for part in (found if isinstance(found, list) else [found]) if isinstance(part, dict)]
            codes = [code for part in parts for key in keys for code in _texts(part.get(key))]
        except (ValueError, RecursionError):
            continue  # whoever needs the file says so
        if codes := [code for code in codes if not _known_code(code)]:
            named[name] = codes
    return named


def _texts(value: Any) -> Iterator[str]:
    """Every text in nested lists and mappings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


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
