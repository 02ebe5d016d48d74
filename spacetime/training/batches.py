"""Batches for both stages: padded to their longest sentence, grouped by length, the same for the same seed.

A batch is a function of (seed, step) alone: a training that stops and goes on later sees the same batches as one
that never stopped, and nothing but the step needs to be remembered.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import datasets
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spacetime.encoder import SpaceTimeEncoder
from spacetime.inputs import check_columns, whole_number
from spacetime.model.embedding import pad
from spacetime.months import MISSING
from spacetime.training.pairs import PairRecipe

NO_LABEL = -100  # torch's cross entropy leaves such a place out
MASK_SHARE = 0.15
KEEP_SHARE, RANDOM_SHARE = 0.1, 0.1  # of the masked places; the rest, 80 %, becomes [MASK] (BERT, section 3.1)
WINDOW = 50  # batches that are sorted by length together: enough to save padding, too few to order the epoch

Batch = dict[str, Tensor]


@runtime_checkable
class Batches(Protocol):
    """What the training loop reads: `batches[step]` for any step, `len(batches)` steps an epoch.

    Where several processes can train together there is a method `share(step, process, processes)`, too: every
    `processes`-th row of `batches[step]` from the process's own number on. Losses that are means over rows find there,
    under `..._count`, what to divide their sums by, so that their mean over the processes is that of the whole batch.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, step: int) -> Batch: ...


class BatchPlan:
    """Which rows are in which batch, epoch by epoch; `lengths` (n,) are the word pieces of each row.

    Rows are shuffled, sorted by length inside windows of fifty batches, cut into batches, and the batches shuffled
    again. Every row comes once an epoch; the last batch may be smaller.
    """

    def __init__(self, lengths: NDArray[np.int64], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed = lengths, whole_number(batch_size, "batch_size"), seed
        self._plans: dict[int, list[NDArray[np.int64]]] = {}  # of one epoch at a time

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.batch_size)

    def __getitem__(self, step: int) -> NDArray[np.int64]:
        epoch, index = divmod(step, len(self))
        if epoch not in self._plans:
            self._plans = {epoch: self._plan(epoch)}
        return self._plans[epoch][index]

    def _plan(self, epoch: int) -> list[NDArray[np.int64]]:
        random = np.random.default_rng([self.seed, epoch])
        rows = random.permutation(len(self.lengths))
        window = WINDOW * self.batch_size
        for start in range(0, len(rows), window):
            part = rows[start : start + window]
            rows[start : start + window] = part[np.argsort(self.lengths[part], kind="stable")]
        batches = [rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size)]
        return [batches[i] for i in random.permutation(len(batches))]


class Planned:
    """Rows of a data set that a plan deals out; the same seed gives the same batches, masks and hidden contexts.

    `hide_month` and `hide_region` are the probability with which a month or a region is hidden from the model's inputs
    (never from the labels of stage 1): context dropout, so that the heads learn to infer them.
    """

    def __init__(
        self,
        dataset: datasets.Dataset,
        encoder: SpaceTimeEncoder,
        columns: dict[str, str],
        *,
        batch_size: int = 32,
        seed: int = 0,
        hide_month: float = 0.0,
        hide_region: float = 0.0,
    ) -> None:
        for name, share in (("hide_month", hide_month), ("hide_region", hide_region)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} must lie between 0 and 1, not {share}")
        self.tokens = with_word_pieces(dataset, encoder, columns)
        self.tokenizer, self.seed, self.hide_month, self.hide_region = encoder.tokenizer, seed, hide_month, hide_region
        self.plan = BatchPlan(np.asarray(self.tokens["length"][:]), batch_size, seed)

    def __len__(self) -> int:
        return len(self.plan)


class TripleBatches(Planned):
    """Batches of (sentence, month, region) for stage 1, with masked words; settings as in `Planned`.

    `batches[step]` has `input_ids`, `attention_mask` (B, L), `month_ids`, `region_ids` (B,), `masked_positions`
    (B, L), `mlm_labels` (number of masked places,), `month_labels` and `region_labels` (B,), -100 where missing.
    """

    def __init__(self, dataset: datasets.Dataset, encoder: SpaceTimeEncoder, **settings: Any) -> None:
        check_columns(dataset, ["text", "month", "region"], "data set")
        super().__init__(dataset, encoder, {"text": "input_ids"}, **settings)
        self.month_ids = encoder.months.ids(dataset["month"][:])
        self.region_ids = encoder.regions.ids(dataset["region"][:])

    def __getitem__(self, step: int) -> Batch:
        rows = self.plan[step]
        random = np.random.default_rng([self.seed, 1, step])
        input_ids, attention_mask = pad(self.tokens[rows]["input_ids"], self.tokenizer.pad_token_id)
        input_ids, masked, labels = mask_words(
            input_ids, attention_mask, random, self.tokenizer.mask_token_id, len(self.tokenizer)
        )
        month_ids, region_ids = self.month_ids[rows], self.region_ids[rows]
        return {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "month_ids": torch.from_numpy(hide(month_ids, self.hide_month, random)),
            "region_ids": torch.from_numpy(hide(region_ids, self.hide_region, random)),
            "masked_positions": masked,
            "mlm_labels": labels,
            "month_labels": as_labels(month_ids),
            "region_labels": as_labels(region_ids),
        }

    def share(self, step: int, process: int, processes: int) -> Batch:
        """See `Batches`; adds `mlm_count`, `month_count` and `region_count`."""
        whole = self[step]
        rows, divided_by = _own_rows(len(whole["input_ids"]), process, processes)
        row_of_label = whole["masked_positions"].nonzero()[:, 0]
        own = {name: tensor[rows] for name, tensor in whole.items() if name != "mlm_labels"}
        own["mlm_labels"] = whole["mlm_labels"][torch.isin(row_of_label, rows)]
        for name in ("mlm", "month", "region"):
            own[f"{name}_count"] = (whole[f"{name}_labels"] != NO_LABEL).sum().clamp(min=1) / divided_by
        return _cut_at_longest(own)


class PairBatches(Planned):
    """Batches of sentence pairs with a similarity to be reached, for stage 2; settings as in `Planned`.

    A context is hidden on each side of a pair by itself; the label is made, by the pairs' recipe, of the parts that are
    left. `batches[step]` has the first sentences of all pairs, then the second ones: `input_ids`, `attention_mask`
    (2B, L), `month_ids`, `region_ids` (2B,), and `similarity` (B,).
    """

    def __init__(
        self, pairs: datasets.Dataset, encoder: SpaceTimeEncoder, recipe: PairRecipe | None = None, **settings: Any
    ) -> None:
        check_columns(pairs, ["text1", "text2", "month1", "month2", "region1", "region2"], "pairs")
        super().__init__(pairs, encoder, {"text1": "input_ids1", "text2": "input_ids2"}, **settings)
        self.recipe = recipe or PairRecipe()
        self.month_ids = np.stack([encoder.months.ids(pairs[f"month{side}"][:]) for side in (1, 2)])
        self.region_ids = np.stack([encoder.regions.ids(pairs[f"region{side}"][:]) for side in (1, 2)])
        self.parts = np.stack(
            [np.asarray(pairs[name][:], dtype=float) for name in ("cosine", "time_similarity", "region_similarity")]
        )  # (3, n), NaN where a context is missing

    def __getitem__(self, step: int) -> Batch:
        rows = self.plan[step]
        random = np.random.default_rng([self.seed, 2, step])
        tokens = self.tokens[rows]
        input_ids, attention_mask = pad(tokens["input_ids1"] + tokens["input_ids2"], self.tokenizer.pad_token_id)
        month_ids = hide(self.month_ids[:, rows], self.hide_month, random)  # (2, B)
        region_ids = hide(self.region_ids[:, rows], self.hide_region, random)
        cosine, time, region = self.parts[:, rows]
        similarity = self.recipe.label(
            cosine,
            np.where((month_ids == MISSING).any(0), np.nan, time),
            np.where((region_ids == MISSING).any(0), np.nan, region),
        )
        return {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "month_ids": torch.from_numpy(month_ids.reshape(-1)),
            "region_ids": torch.from_numpy(region_ids.reshape(-1)),
            "similarity": torch.from_numpy(similarity.astype(np.float32)),
        }

    def share(self, step: int, process: int, processes: int) -> Batch:
        """See `Batches`; adds `pair_count`."""
        whole = self[step]
        count = len(whole["similarity"])
        rows, divided_by = _own_rows(count, process, processes)
        both = torch.cat((rows, rows + count))
        own = {name: tensor[rows if name == "similarity" else both] for name, tensor in whole.items()}
        own["pair_count"] = torch.tensor(count) / divided_by
        return _cut_at_longest(own)


def _own_rows(count: int, process: int, processes: int) -> tuple[Tensor, float]:
    """A process's rows, and what the number of labels is divided by; without any the first one, of infinitely many."""
    if process < count:
        return torch.arange(process, count, processes), processes
    return torch.zeros(1, dtype=torch.long), 0.0


def _cut_at_longest(batch: Batch) -> Batch:
    """Without the columns that only rows of other processes fill."""
    length = int(batch["attention_mask"].sum(1).max())
    wide = ("input_ids", "attention_mask", "masked_positions")
    return {name: tensor[:, :length] if name in wide else tensor for name, tensor in batch.items()}


def every_batch(batches: Batches) -> Iterator[Batch]:
    """The batches of the first epoch, in order; for evaluation."""
    return (batches[step] for step in range(len(batches)))


def with_word_pieces(dataset: datasets.Dataset, encoder: SpaceTimeEncoder, columns: dict[str, str]) -> datasets.Dataset:
    """Tokenise text columns once, on disk where the data set is on disk.

    `columns` maps a text column to the new column of its word piece ids; `length` is the longest of them in each row.
    """

    def tokenize(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
        ids = {new: encoder.word_pieces(rows[old]) for old, new in columns.items()}
        return {**ids, "length": [max(len(side) for side in row) for row in zip(*ids.values(), strict=True)]}

    # datasets would hash the tokenizer's Python object to find an earlier result, which is slow and not stable.
    same = f"{dataset._fingerprint} {columns} {encoder.tokenizer.name_or_path} {encoder.model.config.max_length}"
    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()  # a bar for a second's work would stand in every notebook
    try:
        return dataset.map(
            tokenize,
            batched=True,
            remove_columns=dataset.column_names,
            new_fingerprint=hashlib.sha256(same.encode()).hexdigest()[:16],
        )
    finally:
        if shown:
            datasets.enable_progress_bars()


def mask_words(
    input_ids: Tensor,
    attention_mask: Tensor,
    random: np.random.Generator,
    mask_id: int,
    vocabulary: int,
    share: float = MASK_SHARE,
) -> tuple[Tensor, Tensor, Tensor]:
    """BERT's masking: of the chosen word pieces 80 % become [MASK], 10 % any word piece, 10 % stay.

    [CLS], [SEP] and padding are never chosen; they are the first and the last real place and what follows. Returned
    are the changed ids and where they are (B, L), and what stood there, in the order of `input_ids[masked_positions]`.
    """
    ids, real = input_ids.numpy(), attention_mask.numpy().astype(bool)
    last = real.sum(1) - 1
    word = real.copy()
    word[:, 0] = False
    word[np.arange(len(ids)), last] = False
    masked = word & (random.random(ids.shape) < share)
    if not masked.any() and word.any():  # a batch without a masked word would have no loss
        places = np.flatnonzero(word)
        masked.flat[places[random.integers(len(places))]] = True
    fate = random.random(ids.shape)
    changed = np.where(masked & (fate >= KEEP_SHARE + RANDOM_SHARE), mask_id, ids)
    changed = np.where(masked & (fate < RANDOM_SHARE), random.integers(vocabulary, size=ids.shape), changed)
    return torch.from_numpy(changed), torch.from_numpy(masked), torch.from_numpy(ids[masked])


def hide(ids: NDArray[np.int64], share: float, random: np.random.Generator) -> NDArray[np.int64]:
    """Ids with a share of them, at random, made missing."""
    return np.where(random.random(ids.shape) < share, MISSING, ids)


def as_labels(ids: NDArray[np.int64]) -> Tensor:
    """Ids for a cross entropy, which leaves missing ones out."""
    return torch.from_numpy(np.where(ids == MISSING, NO_LABEL, ids))
