"""The object that users hold: sentences, with months and regions as labels, to embeddings."""

import difflib
import hashlib
import json
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from huggingface_hub import HfApi
from huggingface_hub.errors import StrictDataclassError
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from spacetime.inputs import as_annotated, ids_for_each, number_table, quoted, texts_of, whole_number
from spacetime.model import SpaceTimeConfig, SpaceTimeMiniLM, load_tokenizer, plain_model
from spacetime.model.card import NOTHING_KNOWN, Record, find_record, model_card
from spacetime.model.embedding import Embedder, Precision, Rows, autocast, known_precision, padded_batches, quickest
from spacetime.model.foreign import cause_of, warn_of_code
from spacetime.model.precision import say_where_bfloat16_is_slow, usable_device
from spacetime.model.saving import DELTA_FILE, check_free, load_delta, load_saved, save_portable
from spacetime.model.weights import PLAIN_SHA256
from spacetime.months import MonthRange
from spacetime.regions import RegionSet

DEFAULT_MONTHS = MonthRange("2017-01", "2021-12")
DEFAULT_REGIONS = RegionSet(["UK", "US", "AUS", "CAN"])

RELEASED = Path(__file__).parent / "released"  # the model that comes with the package
# What `load` takes besides folders and names on the hub, and what people write for it.
NAMES = {"released": "released", "plain": "plain", "all-minilm-l6-v2": "plain"}


class Location(NamedTuple):
    """Where and when texts seem to come from; rows of (n, months) and (n, regions) add up to 1."""

    month_probabilities: NDArray[np.float32]
    region_probabilities: NDArray[np.float32]

    def __repr__(self) -> str:
        """Counts, not the numbers: a row has hundreds of them."""
        months, regions = self.month_probabilities.shape, self.region_probabilities.shape
        return f"Location({months[0]} texts, {months[1]} months, {regions[1]} regions)"


class SpaceTimeEncoder:
    """Embeds sentences with the month and the region in which they were written (lesson 00).

    Made by `load` or `from_plain`, or from a model and its tokenizer. `months` and `regions` are those that the model
    knows. `precision` ("float32", "bfloat16" or "auto") is what it computes in where a call does not say so; it may be
    set at any time. bfloat16 is half as fast again where the processor multiplies it; others compute it, more slowly,
    and a warning says so once.

    Parameters
    ----------
    model, tokenizer
        The model in this package's own form, and the tokenizer that goes with its word pieces.
    device
        Where to compute; None takes a GPU where there is one.
    origin
        The folder or the name on the hub that the weights came from, if any, or were last saved to.

    Examples
    --------
    >>> from spacetime.encoder import SpaceTimeEncoder
    >>> encoder = SpaceTimeEncoder.load()
    >>> encoder.encode(["The clocks go forward.", "A new lockdown."], months="2020-03", regions="UK").shape
    (2, 384)
    """

    def __init__(
        self,
        model: SpaceTimeMiniLM,
        tokenizer: PreTrainedTokenizerBase,
        device: str | torch.device | None = None,
        origin: str | Path | None = None,
    ) -> None:
        config = model.config
        self.origin = Path(origin).resolve() if origin is not None and Path(origin).exists() else origin
        self.model: SpaceTimeMiniLM = model.eval().to(usable_device(device))  # type: ignore[arg-type]
        self.tokenizer = tokenizer
        self.precision: Precision = "float32"
        self.months = MonthRange(config.first_month, config.last_month)
        coordinates = {
            region: (float(place[0]), float(place[1]))
            for region, place in zip(config.regions, config.region_coordinates or [], strict=False)
            if np.isfinite(place).all()
        }
        self.regions = RegionSet(list(config.regions), coordinates)

    def __repr__(self) -> str:
        way, months = self.model.config.conditioning, f"{self.months.start}..{self.months.end}"
        return f"SpaceTimeEncoder({way}, {months}, {len(self.regions)} regions, {self.device})"

    @property
    def device(self) -> torch.device:
        """Where the model's weights are, and its computing is done."""
        return self.model.device

    def to(self, device: str | torch.device | None) -> "SpaceTimeEncoder":
        """Move the model and return the encoder itself.

        Parameters
        ----------
        device
            Where to compute from now on; None takes a GPU where there is one.
        """
        self.model.to(usable_device(device))  # type: ignore[arg-type]
        return self

    @classmethod
    def load(
        cls, path_or_name: str | Path | None = None, device: str | torch.device | None = None
    ) -> "SpaceTimeEncoder":
        """An encoder from a folder that `save` or training wrote, from the hub, or the released one.

        Folders and names in the layout of the published model ("HaidarJomaa/Space-Time-MiniLM-v0") are read, too.
        FileNotFoundError: the folder holds no model. ValueError: it holds another one, or weights that do not fit.

        Parameters
        ----------
        path_or_name
            A folder, or "owner/name" on the hub. None or `"released"`: the model that comes with this package
            (`spacetime/released/README.md` is its card), for the months 2002-07..2026-03 and 42 regions; it needs the
            weights of all-MiniLM-L6-v2, no training and no network. `"plain"`: all-MiniLM-L6-v2 as it is, for the
            published months and regions.
        device
            Where to compute; None takes a GPU where there is one.
        """
        if not isinstance(path_or_name, str | os.PathLike | None):
            raise ValueError(
                f"load takes a folder or a name, not {type(path_or_name).__name__}: {quoted(path_or_name)}"
            )
        if path_or_name is None or path_or_name == "released":
            return cls(load_delta(RELEASED), load_tokenizer(), device, RELEASED)
        if path_or_name == "plain":
            return cls.from_plain("none", device=device)
        folder = Path(path_or_name)
        # "owner/name" is a name on the hub, unless there is a folder "owner" here: then it is a slip of the pen.
        if not folder.is_dir() and (len(folder.parts) != 2 or folder.parent.is_dir()):
            near = difflib.get_close_matches(str(folder).lower(), NAMES, n=1)
            hint = f"did you mean {NAMES[near[0]]!r}?" if near else "name one that a training or `save` wrote"
            raise FileNotFoundError(f"no folder {folder}; {hint}")
        model = load_saved(path_or_name)
        warn_of_code(path_or_name)
        tokenizer = load_tokenizer(None if (folder / DELTA_FILE).is_file() else path_or_name)
        return cls(model, tokenizer, device, path_or_name)

    @classmethod
    def from_plain(
        cls,
        conditioning: str = "multiplicative",
        months: MonthRange | tuple[Any, Any] = DEFAULT_MONTHS,
        regions: RegionSet | Iterable[str] = DEFAULT_REGIONS,
        *,
        weights: str | Path | None = None,
        sha256: str | None = PLAIN_SHA256,
        max_length: int = 128,
        seed: int = 0,
        device: str | torch.device | None = None,
        **config: Any,
    ) -> "SpaceTimeEncoder":
        """An untrained encoder that starts exactly as all-MiniLM-L6-v2, or as another BERT of your choice.

        Parameters
        ----------
        conditioning, months, regions
            How time and place enter, and which ones there are: the first and the last month, and a list of regions.
        weights
            Folder with the plain weights. None looks for them (see `spacetime.model.find_plain_weights`).
        sha256, seed
            As for `spacetime.model.plain_model`: with `sha256=None` any BERT or sentence-transformers checkpoint in
            `weights` (all-MiniLM-L12-v1, a base BERT, what `spacetime train plain` left), pooled by the mean.
        max_length
            Longer texts are cut here, in word pieces.
        **config
            Further fields of `SpaceTimeConfig`.

        Raises
        ------
        ValueError
            A field that the configuration does not have, or a value that it does not take.
        """
        months, regions = _month_range(months), regions if isinstance(regions, RegionSet) else RegionSet(regions)
        known = SpaceTimeConfig().to_dict()
        for name in config.keys() - known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "see its fields"
            raise ValueError(f"SpaceTimeConfig has no field {name!r}; {hint}")
        seed = whole_number(seed, "seed", 0)
        places = regions.coordinates
        choices: dict[str, Any] = {
            "conditioning": conditioning,
            "first_month": months.start,
            "last_month": months.end,
            "regions": list(regions),
            "region_coordinates": places.tolist() if np.isfinite(places).all() else None,
            "max_length": max_length,
        }
        try:
            model_config = SpaceTimeConfig(**(choices | config))
        except StrictDataclassError as error:
            raise ValueError(cause_of(error)) from None
        return cls(plain_model(model_config, weights, sha256=sha256, seed=seed), load_tokenizer(weights), device)

    @as_annotated
    def save(self, path: str | Path) -> None:
        """Write a folder for this package, transformers and sentence-transformers (`spacetime.model.saving`).

        What `training.json` and `metrics.json` say beside the weights that were loaded goes along, unless the weights
        have changed since.

        Parameters
        ----------
        path
            A new or an empty folder, or one that holds a model, which is written over; ValueError for any other.
        """
        check_free(Path(path))
        save_portable(self.model, self.tokenizer, path, self._record())
        self.origin = Path(path).resolve()

    def push_to_hub(
        self,
        repo_id: str,
        *,
        data: str = "",
        license: str | None = None,
        private: bool | None = None,
        token: str | None = None,
        **upload: Any,
    ) -> str:
        """Publish the model on the hub, as `save` writes it and with a complete card; return the commit's address.

        Parameters
        ----------
        repo_id
            "owner/name"; made if it is not there.
        data, license
            For the card: see `spacetime.model.card.model_card`.
        private, token, **upload
            As in `huggingface_hub`, such as `revision` and `commit_message`.
        """
        api = HfApi(token=token)
        repo_id = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
        record, upload = self._record(), {"commit_message": "Space-time sentence encoder"} | upload
        card = model_card(self.model, repo_id, record, data=data, license=license)
        with TemporaryDirectory() as folder:
            save_portable(self.model, self.tokenizer, folder, record, card)
            return str(api.upload_folder(repo_id=repo_id, folder_path=folder, **upload))

    def _record(self) -> Record:
        """What is recorded beside the weights' origin, if they are still those weights."""
        if self.origin is None:
            return NOTHING_KNOWN
        try:
            there = type(self).load(self.origin, "cpu").model.state_dict()
        except (FileNotFoundError, ValueError):  # gone or overwritten since
            return NOTHING_KNOWN
        here = self.model.state_dict()
        same = here.keys() == there.keys() and all(torch.equal(here[name].cpu(), there[name]) for name in there)
        return find_record(self.origin) if same else NOTHING_KNOWN

    @torch.inference_mode()
    def encode(
        self,
        sentences: str | Iterable[str],
        months: Any = None,
        regions: Any = None,
        *,
        batch_size: int = 64,
        normalize: bool = True,
        time_weight: float = 1.0,
        region_weight: float = 1.0,
        precision: Precision | None = None,
        show_progress: bool | None = None,
    ) -> NDArray[np.float32]:
        """Embed sentences.

        Parameters
        ----------
        sentences
            One sentence, or many in a list, an array, a generator, a Series, an Arrow array or a column of a data set;
            longer than `model.config.max_length` word pieces they are cut.
        months, regions
            One label for all sentences, one each (in whatever holds the sentences), or None. In a list, None is a
            missing one.
        batch_size
            Most sentences a step; they are sorted by length, so that little or nothing is padded.
        normalize
            Scale embeddings to length 1.
        time_weight, region_weight
            A dial from meaning alone to full context, without retraining: how much of the month's and of the
            region's part is taken, from 0 (as if it were missing) to 1.
        precision
            `"float32"`; `"bfloat16"`; or `"auto"`: bfloat16 where the hardware multiplies it, there are enough
            sentences to gain by it, and a sample of them keeps a cosine of .9995 to float32. None: as the attribute.
        show_progress
            A progress bar on stderr; None shows it for long inputs on a terminal.

        Returns
        -------
        array of shape (n, 384), or (384,) for a single sentence

        Raises
        ------
        ValueError
            A label the model does not know, another number of labels than of sentences, a weight outside 0..1, or a
            table or a dict where one of its columns is meant.

        Notes
        -----
        A process that is forked after torch has computed with several threads hangs in torch itself: with
        `multiprocessing`, use `get_context("spawn")`.
        """
        weights = {"time_weight": time_weight, "region_weight": region_weight}
        for name, weight in weights.items():
            if not isinstance(weight, int | float | np.number) or not 0 <= weight <= 1:
                raise ValueError(f"{name} must lie between 0 (as if missing) and 1 (full context), not {weight!r}")
        rows = self._rows(texts_of(sentences), months, regions)
        embed = self.embedder(rows, precision=precision, **weights)
        embeddings = embed(rows, batch_size=batch_size, normalize=normalize, show_progress=show_progress)
        return embeddings[0] if isinstance(sentences, str) else embeddings

    def embedder(self, sample: Rows, *, precision: Precision | None = None, **weights: float) -> Embedder:
        """What embeds any number of rows of word pieces, made ready once: the fastest way for this model and device.

        Parameters
        ----------
        sample
            Rows like those to come: what there is to gain is read off them, and `precision="auto"` tries some of them.
        precision, **weights
            As in `encode`: `time_weight`, `region_weight`. The model's weights are read now: after a training, make
            another.
        """
        precision = known_precision(precision or self.precision)
        return quickest(self.model, self._pad_id, sample, precision, **weights)

    @torch.inference_mode()
    def locate(
        self,
        sentences: str | Iterable[str],
        *,
        months: Any = None,
        regions: Any = None,
        batch_size: int = 64,
        show_progress: bool | None = None,
    ) -> Location:
        """Probabilities over months and over regions for texts whose time and place are unknown.

        A locator gives them, where the model has one (the released model does), or the heads of stage 1. Heads can
        infer only what they had to infer in training: a model trained without context dropout has read month and
        region from its inputs, and says little about a text alone. Warns if the heads were never trained.

        Parameters
        ----------
        sentences, batch_size, show_progress
            As in `encode`.
        months, regions
            What is known after all, as in `encode`; for heads only.

        Raises
        ------
        ValueError
            For an unknown label, or months or regions given to a locator, which reads the text alone.
        """
        if self.model.locator is not None and not (months is None and regions is None):
            raise ValueError("this model's locator reads the text alone; leave months and regions out")
        if not (self.model.locator or self.model.time_head.bias.any() or self.model.space_head.bias.any()):
            text = "this model was never trained to locate: its probabilities mean nothing; see stage 1, or the locator"
            warnings.warn(text, stacklevel=3)  # 2 is the decorator
        texts = texts_of(sentences)
        by_month = np.empty((len(texts), len(self.months)), dtype=np.float32)
        by_region = np.empty((len(texts), len(self.regions)), dtype=np.float32)
        precision = known_precision(self.precision)
        if precision == "bfloat16":
            say_where_bfloat16_is_slow(self.device)
        given = self._rows(texts, months, regions)
        for rows, batch in padded_batches(given, self._pad_id, self.device, batch_size, show_progress):
            with autocast(self.device, precision):
                month_logits, region_logits = self.model.locate(**batch)
            by_month[rows] = month_logits.float().softmax(-1).cpu().numpy()
            by_region[rows] = region_logits.float().softmax(-1).cpu().numpy()
        return Location(by_month, by_region)

    @staticmethod
    def similarity(a: ArrayLike | Tensor, b: ArrayLike | Tensor) -> NDArray[np.float32]:
        """Cosine of every row of one array with every row of another, (n, m).

        Parameters
        ----------
        a, b
            Embeddings (n, 384) and (m, 384), not necessarily of length 1; a single one may be (384,). ValueError where
            these are no tables of numbers, or their rows have different lengths.
        """
        rows, columns = _vectors(a, "a"), _vectors(b, "b")
        if rows.shape[1] != columns.shape[1]:
            raise ValueError(
                f"a holds vectors of {rows.shape[1]} numbers and b of {columns.shape[1]}; give embeddings of one model"
            )
        cosines = torch.nn.functional.normalize(rows, dim=-1) @ torch.nn.functional.normalize(columns, dim=-1).T
        result: NDArray[np.float32] = cosines.numpy()
        return result

    def word_pieces(self, texts: Iterable[str]) -> list[list[int]]:
        """Ids of each text's word pieces, [CLS] and [SEP] included, cut at the model's maximum length.

        Parameters
        ----------
        texts
            As many as you like; ValueError names one that is not text, or holds half of a surrogate pair.
        """
        texts = texts_of(texts)
        for row, text in enumerate(texts):
            if not isinstance(text, str):
                raise ValueError(f"sentence {row} is not text but {type(text).__name__}: {quoted(text)}")
            if not text.isascii():
                try:
                    text.encode()
                except UnicodeEncodeError as error:
                    raise ValueError(
                        f"sentence {row} is not text: character {error.start} is {text[error.start]!r}, half of a "
                        "surrogate pair; text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace') mends it"
                    ) from None
        if not texts:
            return []
        length = self.model.config.max_length
        ids: list[list[int]] = self.tokenizer(texts, truncation=True, max_length=length)["input_ids"]
        return ids

    @property
    def _pad_id(self) -> int:
        return int(self.tokenizer.pad_token_id)

    def _rows(self, texts: list[str], months: Any, regions: Any) -> Rows:
        """Texts and labels, checked, as the model reads them."""
        month_ids = ids_for_each(self.months, months, len(texts), "months")
        region_ids = ids_for_each(self.regions, regions, len(texts), "regions")
        return Rows(self.word_pieces(texts), month_ids, region_ids)


def _vectors(given: Any, name: str) -> Tensor:
    """What `similarity` was given as a table in float32."""
    table = number_table(given, np.float32)
    if not 1 <= table.ndim <= 2 or table.shape[-1] == 0:
        raise ValueError(f"{name} must be embeddings, (n, 384), not {quoted(given)}; encode gives them")
    table = np.require(table, requirements=["C", "W"])  # torch knows no negative strides
    return torch.from_numpy(table.reshape(-1, table.shape[-1]))


def check_encoder(encoder: Any) -> None:
    """Raise ValueError for a name or anything else that does not encode, where an encoder is wanted."""
    if not callable(getattr(encoder, "encode", None)) or isinstance(encoder, str | bytes):
        name = repr(encoder) if isinstance(encoder, str) else "..."
        raise ValueError(f"encoder must be an encoder, such as SpaceTimeEncoder.load({name}), not {quoted(encoder)}")


def encoder_fingerprint(encoder: SpaceTimeEncoder) -> str:
    """SHA-256 of what decides an encoder's embeddings (configuration, word pieces, weights), wherever it computes."""
    config = encoder.model.config.to_dict()
    for name in ("_name_or_path", "architectures", "auto_map", "dtype", "torch_dtype", "transformers_version"):
        config.pop(name, None)
    digest = hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode())
    digest.update(json.dumps(sorted(encoder.tokenizer.get_vocab().items())).encode())
    for name, weight in sorted(encoder.model.state_dict().items()):
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        digest.update(weight.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _month_range(months: Any) -> MonthRange:
    if isinstance(months, MonthRange):
        return months
    if not isinstance(months, tuple | list) or len(months) != 2:
        raise ValueError(f"months must be MonthRange('2017-01', '2021-12') or these two months, not {quoted(months)}")
    return MonthRange(*months)
