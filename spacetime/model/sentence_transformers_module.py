"""A space-time model as the one module of a sentence-transformers model.

A saved model carries a copy of this file (as `CARRIED_MODULE` in `spacetime.model.saving`); the package itself does
not import it, so that sentence-transformers stays optional. It imports nothing of the package.

    model = SentenceTransformer(folder, trust_remote_code=True)
    model.encode(["Rain.", {"text": "Rain.", "month": "2020-03", "region": "UK"}, ("Rain.", "2020-03", None)])
    model.encode(["Rain.", "Snow."], month="2020-03", region="UK")

An input is a text, a mapping with `text`, `month` and `region`, or a tuple of these in this order. A month is
"YYYY-MM", a date, a `numpy.datetime64` or a `pandas.Period` inside one month; a region is one of the model's. Both may
be left out or missing: None, "", NaN or `pandas.NA`. For the trainer and the evaluators, a column of texts becomes a
column of such mappings (a struct column); a column of months by itself would be taken for a column of texts.
"""

import datetime
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sentence_transformers.base.modules import InputModule
from torch import Tensor
from transformers import AutoModel, AutoTokenizer

FIELDS = ("text", "month", "region")


def is_missing(value: Any) -> bool:
    """Whether a value says that a month or a region is not known."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):  # the last two are pandas' own
        return True
    if isinstance(value, str):
        return value == ""
    return bool(isinstance(value, float | np.floating | np.datetime64) and value != value)


def region_label(value: Any) -> str | None:
    """A region as it is, None for a missing one; ValueError for what is no text."""
    if is_missing(value):
        return None
    if not isinstance(value, str):
        raise ValueError(f"region must be text such as 'UK', not {type(value).__name__}: {str(value)[:80]!r}")
    return value


def month_label(value: Any) -> str | None:
    """The month of a date or of what else stands for one as "YYYY-MM", None for a missing one."""
    if is_missing(value):
        return None
    if isinstance(value, str):
        if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            try:
                return datetime.date.fromisoformat(value).isoformat()[:7]
            except ValueError:
                raise ValueError(f"month {value!r}: there is no such day") from None
        return value  # the model checks it
    if isinstance(value, datetime.date):  # times and pandas' own time stamps are dates too
        return f"{value.year:04d}-{value.month:02d}"
    if isinstance(value, np.datetime64) and np.datetime_data(value)[0] not in ("generic", "Y", "W"):
        return str(value.astype("datetime64[M]"))
    if type(value).__name__ == "Period" and month_label(value.start_time) == month_label(value.end_time):
        return month_label(value.start_time)
    raise ValueError(
        f"month {str(value)[:80]!r} is of type {type(value).__name__} and no single month; give 'YYYY-MM', a date, "
        "a numpy.datetime64 or a pandas.Period inside one month, one for each input"
    )


class SpaceTimeModule(InputModule):
    """Texts with months and regions to embeddings, by a `SpaceTimeMiniLM` and its tokenizer."""

    tokenizer: Any
    forward_kwargs = {"month", "region", "time_weight", "region_weight"}

    def __init__(self, model: Any, tokenizer: Any) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer

    @property
    def processor(self) -> Any:
        return self.tokenizer

    @property
    def max_seq_length(self) -> int:
        """Longer texts are cut here, in word pieces."""
        return int(self.model.config.max_length)

    @max_seq_length.setter
    def max_seq_length(self, length: int) -> None:
        self.model.config.max_length = length

    def get_embedding_dimension(self) -> int:
        return int(self.model.config.hidden_size)

    def preprocess(
        self,
        inputs: Sequence[Any],
        prompt: str | None = None,
        month: Any = None,
        region: str | None = None,
        max_length: int | None = None,
        **kwargs: Any,
    ) -> dict[str, Tensor]:
        """Inputs, mixed as they come, to what `forward` takes; ValueError names a wrong one, or an unknown label.

        `month` and `region` are for inputs that say none themselves; `max_length` stands in for `max_seq_length`.
        """
        month, region = month_label(month), region_label(region)
        texts, months, regions = zip(*(self.fields(item) for item in inputs), strict=True)
        words = self.tokenizer(
            [(prompt or "") + text for text in texts],
            padding=True,
            truncation=True,
            max_length=max_length or self.max_seq_length,
            return_tensors="pt",
        )
        month_ids, region_ids = self.model.label_ids(
            [month if own is None else own for own in months], [region if own is None else own for own in regions]
        )
        kept = {name: words[name] for name in ("input_ids", "attention_mask")}
        return kept | {"month_ids": month_ids, "region_ids": region_ids}

    @staticmethod
    def fields(item: Any) -> tuple[str, str | None, str | None]:
        """Text, month and region of one input, None for what it does not say."""
        unknown: list[Any] = []
        values: Sequence[Any] = []
        if isinstance(item, Mapping):
            unknown = [name for name in item if name not in FIELDS]
            values = [item.get(name) for name in FIELDS]
        elif isinstance(item, str | tuple | list):
            values = [item] if isinstance(item, str) else item
        text, month, region = [*values, None, None, None][: len(FIELDS)]
        if unknown or len(values) > len(FIELDS) or not isinstance(text, str):
            raise ValueError(
                f"{str(item)[:80]} is no input: give a text, or a mapping or tuple of text, month and region"
                + (f"; {', '.join(map(str, unknown))} is none of these" if unknown else "")
            )
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{text[:80]!r} is no input: its character {error.start} is half of a pair") from None
        return text, month_label(month), region_label(region)

    def forward(  # type: ignore[override]
        self, features: dict[str, Any], time_weight: float = 1.0, region_weight: float = 1.0, **kwargs: Any
    ) -> dict[str, Any]:
        """Add `sentence_embedding` (B, C) and `token_embeddings` (B, L, C) to what `preprocess` made."""
        ids = [features.get(name) for name in ("input_ids", "attention_mask", "month_ids", "region_ids")]
        output = self.model(*ids, time_weight=time_weight, region_weight=region_weight)
        return features | {"sentence_embedding": output.embedding, "token_embeddings": output.last_hidden_state}

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any) -> None:
        """Write model (safetensors, whatever is asked for), its code, and tokenizer."""
        self.model.save_pretrained(output_path)
        self.save_tokenizer(output_path)

    @classmethod
    def load(  # type: ignore[override]
        cls,
        model_name_or_path: str,
        cache_folder: str | None = None,
        model_kwargs: dict[str, Any] | None = None,
        processor_kwargs: dict[str, Any] | None = None,
        config_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> "SpaceTimeModule":
        """What sentence-transformers calls for a folder or a name on the hub."""
        passed_on = ("subfolder", "token", "revision", "local_files_only")
        where = {name: kwargs[name] for name in passed_on if name in kwargs} | {"cache_dir": cache_folder}
        trust_remote_code = kwargs.get("trust_remote_code", False)
        chosen = {"use_safetensors": True} | (config_kwargs or {}) | (model_kwargs or {})
        model = AutoModel.from_pretrained(model_name_or_path, trust_remote_code=trust_remote_code, **where, **chosen)
        tokenizer = AutoTokenizer.from_pretrained(
            model_name_or_path, trust_remote_code=trust_remote_code, **where, **(processor_kwargs or {})
        )
        return cls(model, tokenizer)
