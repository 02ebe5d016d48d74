"""A saved model's folder, written so that other libraries read it without this package, and read again.

==================================  =================================================================================
`config.json`, `model.safetensors`  the model; transformers reads them with `trust_remote_code=True`
`modeling_custom_minilm.py`         a copy of `modeling.py` under the published name
`tokenizer.json`, ...               the tokenizer
`modules.json`, ...                 a sentence-transformers model of one module
`sentence_transformers_module.py`   a copy of that module
`README.md`                         the model's card
`training.json`, `metrics.json`     how it was trained and measured, where that is known
==================================  =================================================================================

The released model is shipped as a small change of the public weights (`benchmarks.release` writes it): `config.json`,
with the weights' name and SHA-256, and `delta.safetensors`, in float16, with the differences and all that is new.
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import PreTrainedTokenizerBase
from transformers.utils import cached_file

from spacetime.folders import new_files
from spacetime.model.card import CARD_FILE, NOTHING_KNOWN, RECORDS, Record, model_card
from spacetime.model.foreign import (
    check_sizes,
    checked_config,
    first_line,
    load_weights,
    read_json,
    weight_shapes,
)
from spacetime.model.modeling import PUBLISHED_CONFIG, SpaceTimeConfig, SpaceTimeMiniLM, is_published, name_here
from spacetime.model.weights import (
    PLAIN_HUB_NAME,
    PLAIN_SHA256,
    WEIGHTS_FILE,
    find_plain_weights,
    plain_model,
    without_loading_bars,
)

CARRIED_MODULE = "sentence_transformers_module.py"
MODULE = {"idx": 0, "name": "0", "path": "", "type": f"{CARRIED_MODULE.removesuffix('.py')}.SpaceTimeModule"}
SETTINGS = {
    "model_type": "SentenceTransformer",
    "similarity_fn_name": "cosine",
    "prompts": {"query": "", "document": ""},
    "default_prompt_name": None,
}
DELTA_FILE = "delta.safetensors"
# A delta may lack heads that were not trained, and tables that the configuration gives.
_NOT_IN_DELTA = ("time_head.", "space_head.", "time_embed.rows", "space_embed.rows")
# Keys that make transformers itself allocate, or fetch code; `from_published` would hand them on.
_REFUSED = ("num_labels", "attn_implementation", "_attn_implementation", "per_layer_config", "quantization_config")


def save_portable(
    model: SpaceTimeMiniLM,
    tokenizer: PreTrainedTokenizerBase,
    folder: str | Path,
    record: Record = NOTHING_KNOWN,
    card: str | None = None,
) -> None:
    """Write a model that transformers and sentence-transformers load without this package.

    `record` says how these weights were trained and measured; `card` replaces the card that names the folder.
    """
    folder = Path(folder)
    text = model_card(model, folder.resolve().name, record) if card is None else card
    with new_files(folder) as part:
        with without_loading_bars():
            model.save_pretrained(part)
        tokenizer.save_pretrained(part)
        shutil.copyfile(Path(__file__).with_name(CARRIED_MODULE), part / CARRIED_MODULE)
        for name, content in (("modules.json", [MODULE]), ("config_sentence_transformers.json", SETTINGS)):
            (part / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        (part / CARD_FILE).write_text(text, encoding="utf-8")
        for name in record.keys() & RECORDS:
            shutil.copyfile(record[name], part / name)
    for name in RECORDS:
        if name not in record:  # of other weights
            (folder / name).unlink(missing_ok=True)


def check_free(folder: Path) -> None:
    """Raise ValueError where saving would write among files of something else, or over another model."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; name a folder for the model")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    try:
        found = read_json(folder / "config.json")
    except ValueError:
        found = {}
    if found.get("model_type") != SpaceTimeConfig.model_type and not is_published(found):
        raise ValueError(f"{folder} holds something else than a space-time model; name an empty or a new folder")


def load_saved(path_or_name: str | Path) -> SpaceTimeMiniLM:
    """The model in a folder written by `save_portable` or as a delta, in the published layout, or on the hub.

    FileNotFoundError: a file of the folder is missing. ValueError: it is another model, or its weights do not fit.
    """
    folder = Path(path_or_name)
    if (folder / DELTA_FILE).is_file():
        return load_delta(folder)
    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        if folder.is_dir() and not (folder / file).is_file():
            raise FileNotFoundError(
                f"no {file} in {folder}; a trained model's folder holds config.json, model.safetensors and "
                "tokenizer.json (training writes it as OUTPUT/model)"
            )
    try:
        return _load_checked(path_or_name)
    except FileNotFoundError:
        raise
    except (RuntimeError, OSError, ImportError, SafetensorError) as error:
        where = path_or_name if folder.exists() else f"{path_or_name} is no folder here, and from the hub it"
        raise ValueError(f"{where} cannot be loaded: {first_line(error)}") from None


def _load_checked(path_or_name: str | Path) -> SpaceTimeMiniLM:
    files = [cached_file(str(path_or_name), name) for name in ("config.json", "model.safetensors")]
    found, shapes = read_json(Path(str(files[0]))), weight_shapes(Path(str(files[1])))
    if is_published(found):
        for name in _REFUSED:
            if found.get(name) is not None:
                raise ValueError(
                    f"{path_or_name}/config.json asks for {name}={found[name]!r:.80}, which is not taken from a folder"
                )
        config = checked_config(found, path_or_name, **PUBLISHED_CONFIG)
        check_sizes(config, {name_here(name): shape for name, shape in shapes.items()}, path_or_name)
        return SpaceTimeMiniLM.from_published(path_or_name)
    if found.get("model_type") != SpaceTimeConfig.model_type:
        raise ValueError(
            f"{path_or_name} holds a model of type {found.get('model_type')!r}, not "
            f"{SpaceTimeConfig.model_type!r}; a plain encoder is where a training starts"
        )
    config = checked_config(found, path_or_name)
    check_sizes(config, shapes, path_or_name)
    with without_loading_bars():
        return SpaceTimeMiniLM.from_pretrained(
            path_or_name, config=config, trust_remote_code=False, use_safetensors=True
        )


def load_delta(folder: str | Path) -> SpaceTimeMiniLM:
    """The model that `delta.safetensors` and its `config.json` make of the public weights; errors: see `load_saved`."""
    folder = Path(folder)
    if lacking := [file for file in ("config.json", DELTA_FILE) if not (folder / file).is_file()]:
        raise FileNotFoundError(f"no {lacking[0]} in {folder}; a model's delta holds config.json and {DELTA_FILE}")
    found = read_json(folder / "config.json")
    changes = found.get("changes")
    if not isinstance(changes, dict) or changes.get("sha256") != PLAIN_SHA256:
        raise ValueError(
            f"{folder} changes {changes or 'unnamed weights'}, not {PLAIN_HUB_NAME} as this package has it"
        )
    config = checked_config(found, folder, architectures=None, dtype=None)
    public = weight_shapes(find_plain_weights() / WEIGHTS_FILE)
    shapes = {f"bert.{name}": shape for name, shape in public.items()} | weight_shapes(folder / DELTA_FILE)
    check_sizes(config, shapes, folder, lambda name: name.startswith(_NOT_IN_DELTA))
    model = plain_model(config)
    state = model.state_dict()
    for name, change in load_weights(folder / DELTA_FILE).items():
        added = name.startswith("bert.") and ".conditioning." not in name
        with torch.no_grad():
            state[name].copy_(state[name] + change.float() if added else change.float())
    return model.eval()
