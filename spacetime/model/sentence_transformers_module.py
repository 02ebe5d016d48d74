"""A space-time model as the one module of a sentence-transformers model.

A saved model carries a copy of this file (as `CARRIED_MODULE` in `spacetime.model.portable`); the package itself does
not import it, so that sentence-transformers stays optional.  It imports nothing of the package.

    model = SentenceTransformer(folder, trust_remote_code=True)
    model.encode(["Rain.", {"text": "Rain.", "month": "2020-03", "region": "UK"}, ("Rain.", "2020-03", None)])
    model.encode(["Rain.", "Snow."], month="2020-03", region="UK")

An input is a text, a mapping with `text`, `month` and `region`, or a tuple of these in this order; month and region may
be left out or None.  For the trainer and the evaluators, a column of texts becomes a column of such mappings (a struct
column); a column of months by itself would be taken for a column of texts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sentence_transformers.base.modules import InputModule
from torch import Tensor
from transformers import AutoModel, AutoTokenizer

FIELDS = ("text", "month", "region")


class SpaceTimeModule(InputModule):
    """Texts with months and regions to embeddings.

    Parameters
    ----------
    model
        A `SpaceTimeMiniLM`.
    tokenizer
        Its tokenizer.
    """

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
        length: int = self.model.config.max_length
        return length

    @max_seq_length.setter
    def max_seq_length(self, length: int) -> None:
        self.model.config.max_length = length

    def get_embedding_dimension(self) -> int:
        size: int = self.model.config.hidden_size
        return size

    def preprocess(
        self,
        inputs: Sequence[Any],
        prompt: str | None = None,
        month: str | None = None,
        region: str | None = None,
        max_length: int | None = None,
        **kwargs: Any,
    ) -> dict[str, Tensor]:
        """Inputs to word pieces and ids of months and regions.

        Parameters
        ----------
        inputs
            Texts, mappings or tuples, mixed as they come.
        prompt
            Put before every text.
        month, region
            For inputs that say none themselves.
        max_length
            Cut here instead of at `max_seq_length`.

        Returns
        -------
        dict
            `input_ids` and `attention_mask` (B, L), `month_ids` and `region_ids` (B,).

        Raises
        ------
        ValueError
            An input without a text or with an unknown field, or a label that the model does not know.
        """
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
        return {
            "input_ids": words["input_ids"],
            "attention_mask": words["attention_mask"],
            "month_ids": month_ids,
            "region_ids": region_ids,
        }

    @staticmethod
    def fields(item: Any) -> tuple[str, str | None, str | None]:
        """Text, month and region of one input, None for what it does not say."""
        if isinstance(item, str):
            return item, None, None
        if isinstance(item, Mapping):
            unknown = [name for name in item if name not in FIELDS]
            values = [item.get(name) for name in FIELDS]
        elif isinstance(item, tuple | list) and len(item) <= len(FIELDS):
            unknown = []
            values = [*item, *[None] * (len(FIELDS) - len(item))]
        else:
            unknown, values = [], [None] * len(FIELDS)
        text, month, region = values
        if unknown or not isinstance(text, str):
            raise ValueError(
                f"{str(item)[:80]} is no input: give a text, or a mapping or tuple of text, month and region"
                + (f"; {', '.join(map(str, unknown))} is none of these" if unknown else "")
            )
        return text, month, region

    def forward(  # type: ignore[override]
        self, features: dict[str, Any], time_weight: float = 1.0, region_weight: float = 1.0, **kwargs: Any
    ) -> dict[str, Any]:
        """Add `sentence_embedding` (B, C) and `token_embeddings` (B, L, C) to what `preprocess` made."""
        output = self.model(
            features["input_ids"],
            features["attention_mask"],
            features.get("month_ids"),
            features.get("region_ids"),
            time_weight=time_weight,
            region_weight=region_weight,
        )
        return features | {"sentence_embedding": output.embedding, "token_embeddings": output.last_hidden_state}

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any) -> None:
        """Write model (safetensors, whatever is asked for), its code, and tokenizer."""
        self.model.save_pretrained(output_path)
        self.tokenizer.save_pretrained(output_path)

    @classmethod
    def load(  # type: ignore[override]
        cls,
        model_name_or_path: str,
        subfolder: str = "",
        token: bool | str | None = None,
        cache_folder: str | None = None,
        revision: str | None = None,
        local_files_only: bool = False,
        trust_remote_code: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        processor_kwargs: dict[str, Any] | None = None,
        config_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> "SpaceTimeModule":
        """What sentence-transformers calls for a folder or a name on the hub."""
        where: dict[str, Any] = {
            "subfolder": subfolder,
            "token": token,
            "cache_dir": cache_folder,
            "revision": revision,
            "local_files_only": local_files_only,
            "trust_remote_code": trust_remote_code,
        }
        chosen = {"use_safetensors": True} | (config_kwargs or {}) | (model_kwargs or {})
        model = AutoModel.from_pretrained(model_name_or_path, **where, **chosen)
        tokenizer = AutoTokenizer.from_pretrained(model_name_or_path, **where, **(processor_kwargs or {}))
        return cls(model, tokenizer)
