"""The model's card: from a template, and from what is recorded beside the weights."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData
from transformers.utils import cached_file

from spacetime.model.foreign import read_json
from spacetime.model.modeling import SpaceTimeMiniLM

TEMPLATE = Path(__file__).with_name("card.md")
CARD_FILE = "README.md"
RECORDS = ("training.json", "metrics.json")
OURS = "<!-- written by spacetime -->"
Record = Mapping[str, Path]  # what is known about weights beside themselves: the files of `RECORDS`, and a card
NOTHING_KNOWN: Record = {}
TAGS = ["sentence-transformers", "sentence-similarity", "feature-extraction", "temporal", "geospatial"]


def find_record(path_or_name: str | Path) -> Record:
    """What lies beside weights: in their folder (or under their name on the hub), else where training put it.

    Training writes `OUTPUT/training.json` beside `OUTPUT/model`; an evaluation written to OUTPUT is found there, too.
    """
    found = {}
    for name in (*RECORDS, CARD_FILE):
        file = cached_file(str(path_or_name), name, _raise_exceptions_for_missing_entries=False)
        beside = Path(path_or_name).parent / name
        if file is not None:
            found[name] = Path(file)
        elif name != CARD_FILE and Path(path_or_name).name == "model" and beside.is_file():
            found[name] = beside
    return found


def model_card(
    model: SpaceTimeMiniLM, name: str, record: Record = NOTHING_KNOWN, *, data: str = "", license: str | None = None
) -> str:
    """The card of a model, as Markdown with metadata.

    Its snippets load `name`, a folder or a name on the hub. `data` says in Markdown what text it was trained on, and
    `license` names the licence of the weights as the hub spells it ("cc-by-sa-4.0"); what is not given is taken over
    from the record's card, if it is there.
    """
    config = model.config
    text = record[CARD_FILE].read_text(encoding="utf-8") if CARD_FILE in record else ""
    earlier = ModelCard(text, ignore_metadata_errors=True) if text else None
    told = earlier.data.to_dict() if earlier else {}
    written_here = OURS in text
    metadata = ModelCardData(
        language="en",
        license=license or told.get("license"),
        base_model=config.backbone or told.get("base_model"),
        library_name="sentence-transformers",
        pipeline_tag="sentence-similarity",
        tags=TAGS,
    )
    middle = config.num_months // 2 + int(config.first_month[5:]) - 1
    training = dict(leaves(read_json(record.get("training.json"))))
    # Tables of a report have a file of their own.
    metrics = {key: value for key, value in leaves(read_json(record.get("metrics.json"))) if len(value) <= 200}
    card = ModelCard.from_template(
        metadata,
        template_path=str(TEMPLATE),
        name=name,
        title=Path(name).name,
        config=config,
        region=config.regions[0],
        month=f"{int(config.first_month[:4]) + middle // 12:04d}-{middle % 12 + 1:02d}",
        parameters=f"{model.num_parameters():,}",
        data=data or (_between(text, "data") if written_here else ""),
        rows=training.pop("rows", None),
        recipe=training,
        metrics=[(*(key.split(" / ", 1) if " / " in key else ("", key)), value) for key, value in metrics.items()],
        earlier=_between(text, "earlier") if written_here else _body(earlier),
    )
    return re.sub(r"\n{3,}", "\n\n", str(card)).rstrip() + "\n"


def leaves(nested: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Every value of a nested mapping with the way to it, "options / epochs"; lists in one piece."""
    for name, value in nested.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, name))
        else:
            shown = f"{value:.6g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
            yield " / ".join((*path, name)), shown.strip('"').replace("|", "\\|")


def _body(card: ModelCard | None) -> str:
    """A card's text without its metadata and title, its headings two levels down."""
    text = "" if card is None else re.sub(r"\A\s*# .*\n", "", card.text)
    return re.sub(r"^(#+ )", r"##\1", text, flags=re.MULTILINE).strip()


def _between(text: str, name: str) -> str:
    """What a card written here holds between two marks."""
    found = re.search(rf"<!-- {name}: begin -->\n(.*?)\n<!-- {name}: end -->", text, re.DOTALL)
    return found[1].strip() if found else ""
