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
"""

import json
import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import PreTrainedTokenizerBase

from spacetime.folders import new_files
from spacetime.model.card import CARD_FILE, NOTHING_KNOWN, RECORDS, Record, model_card
from spacetime.model.delta import DELTA_FILE, load_delta
from spacetime.model.foreign import (
    check_sizes,
    read_described,
    read_json,
    refuse_unknown_settings,
    space_time_config,
)
from spacetime.model.modeling import PUBLISHED_CONFIG, SpaceTimeConfig, SpaceTimeMiniLM, is_published, name_here
from spacetime.model.weights import without_loading_bars

CARRIED_MODULE = "sentence_transformers_module.py"
MODULE = {"idx": 0, "name": "0", "path": "", "type": f"{CARRIED_MODULE.removesuffix('.py')}.SpaceTimeModule"}
SETTINGS = {
    "model_type": "SentenceTransformer",
    "similarity_fn_name": "cosine",
    "prompts": {"query": "", "document": ""},
    "default_prompt_name": None,
}


def save_portable(
    model: SpaceTimeMiniLM,
    tokenizer: PreTrainedTokenizerBase,
    folder: str | Path,
    record: Record = NOTHING_KNOWN,
    card: str | None = None,
) -> None:
    """Write a model that transformers and sentence-transformers load without this package.

    Parameters
    ----------
    model, tokenizer
        What to write; weights as safetensors.
    folder
        Made if it is not there.
    record
        How these weights were trained and measured.
    card
        Instead of the card that names the folder.
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
        record.copy(part)
    for name in RECORDS:
        if name not in record.files:  # of other weights
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
    """The model in a folder that `save_portable` or `save_delta` wrote, in the published layout, or on the hub.

    Raises
    ------
    FileNotFoundError
        If a file of the folder is missing.
    ValueError
        If it is another model, or its weights do not fit its configuration.
    """
    folder = Path(path_or_name)
    if (folder / DELTA_FILE).is_file():
        return load_delta(folder)
    if folder.is_dir():
        for file in ("config.json", "model.safetensors", "tokenizer.json"):
            if not (folder / file).is_file():
                raise FileNotFoundError(
                    f"no {file} in {folder}; a trained model's folder holds config.json, model.safetensors and "
                    "tokenizer.json (training writes it as OUTPUT/model)"
                )
    try:
        found, shapes = read_described(path_or_name)
        if is_published(found):
            refuse_unknown_settings(found, path_or_name)
            config = space_time_config(found, path_or_name, **PUBLISHED_CONFIG)
            check_sizes(config, {name_here(name): shape for name, shape in shapes.items()}, path_or_name)
            return SpaceTimeMiniLM.from_published(path_or_name)
        if found.get("model_type") != SpaceTimeConfig.model_type:
            raise ValueError(
                f"{path_or_name} holds a model of type {found.get('model_type')!r}, not "
                f"{SpaceTimeConfig.model_type!r}; to start from a plain encoder use SpaceTimeEncoder.from_plain"
            )
        config = space_time_config(found, path_or_name)
        check_sizes(config, shapes, path_or_name)
        with without_loading_bars():
            loaded: Any = SpaceTimeMiniLM.from_pretrained(
                path_or_name,
                config=config,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
    except FileNotFoundError:
        raise
    except (RuntimeError, OSError, ImportError, SafetensorError) as error:
        where = path_or_name if folder.exists() else f"{path_or_name} is no folder here, and from the hub it"
        raise ValueError(f"{where} cannot be loaded: {str(error).strip().splitlines()[0]}") from None
    model: SpaceTimeMiniLM = loaded[0]
    for what, key in (
        ("lacks", "missing_keys"),
        ("has besides", "unexpected_keys"),
        ("has in another size", "mismatched_keys"),
    ):
        if names := sorted(str(name[0] if isinstance(name, tuple) else name) for name in loaded[1][key]):
            raise ValueError(
                f"the weights in {path_or_name} do not fit its config.json: it {what} "
                f"{', '.join(names[:3])}{' ...' if len(names) > 3 else ''}"
            )
    return model
