"""What a saved model's folder carries, so that other libraries read it on machines without this package.

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

from transformers import PreTrainedTokenizerBase

from spacetime.folders import new_files
from spacetime.model.card import CARD_FILE, NOTHING_KNOWN, RECORDS, Record, model_card
from spacetime.model.modeling import SpaceTimeMiniLM
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
