"""Batches of the joint recipe, both stages at once; the loss on them is `spacetime.training.objectives.JointLoss`.

- **Embedded** sentences have a target for the cosine of each with every other one: the published kind of label,
  `.6 meaning + .2 time + .2 region`, written as the Gram matrix of vectors, so that it also holds where a context is
  missing or dialled down (`gram_targets`).
- **Masked** sentences are as in stage 1.

Every batch is a function of (seed, step), as in `spacetime.training.batches`. The released model also learned from
reports of one event and from sentences asked for their month (`benchmarks.events`).
"""

from dataclasses import dataclass

import datasets
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spacetime.encoder import SpaceTimeEncoder
from spacetime.inputs import check_columns
from spacetime.model.embedding import pad
from spacetime.months import MISSING
from spacetime.training.batches import Batch, BatchPlan, hide, mask_words
from spacetime.training.pairs import PairRecipe

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class JointRecipe:
    """What a step of the joint recipe sees.

    Parameters
    ----------
    others, masked
        Embedded sentences of a step, and sentences whose words are masked.
    hide
        Probability that a month is hidden, and a region.
    invented
        Share of the steps in which embedded sentences get a few random months and regions instead of their own:
        in a shared context, too, meaning is to be kept.
    dialled
        Share of the other steps with a random dial (`time_weight`, `region_weight`).
    pairs
        Weights and kernels of the target.
    """

    others: int = 16
    masked: int = 64
    hide: float = 0.15
    invented: float = 0.25
    dialled: float = 0.3
    pairs: PairRecipe = PairRecipe()


class JointBatches:
    """The steps of the joint recipe on a data set with columns text, month and region.

    `plain` gives the meaning that is to be kept; sentences are cut at its `max_length`. `batches[step]` has, for N
    embedded sentences, `input_ids`, `attention_mask` (N, L), `month_ids`, `region_ids` (N,), `time_weight`,
    `region_weight` (), `target` (N, N); and `masked_input_ids`, `masked_attention_mask`, `masked_positions`,
    `masked_month_ids`, `masked_region_ids`, `mlm_labels` as in stage 1.
    """

    def __init__(
        self,
        dataset: datasets.Dataset,
        encoder: SpaceTimeEncoder,
        plain: SpaceTimeEncoder,
        recipe: JointRecipe | None = None,
        *,
        seed: int = 0,
        show_progress: bool | None = None,
    ) -> None:
        self.recipe, self.seed, self.tokenizer = recipe or JointRecipe(), seed, encoder.tokenizer
        self.texts = TokenizedRows(dataset, encoder, plain)
        self.meaning = plain.encode(dataset["text"][:], show_progress=show_progress)
        self.time = self.recipe.pairs.time_similarity(encoder.months)
        self.region = self.recipe.pairs.region_similarity(encoder.regions)
        # Short sentences with short ones: sorted as training batches are.
        self.by_length = np.argsort(self.texts.lengths, kind="stable")
        self.sorted_lengths = self.texts.lengths[self.by_length]
        self.masked_plan = BatchPlan(self.texts.lengths, self.recipe.masked, seed)

    def __len__(self) -> int:
        return len(self.masked_plan)

    def __getitem__(self, step: int) -> Batch:
        random = np.random.default_rng([self.seed, 3, step])
        return self._embedded(self._first(step, random), random)[0] | self._masked(step, random)

    def _first(self, step: int, random: np.random.Generator) -> Ids:
        """Rows that a step embeds before the others."""
        return np.empty(0, dtype=np.int64)

    def _embedded(self, first: Ids, random: np.random.Generator) -> tuple[Batch, bool]:
        """Embedded sentences, and whether their contexts are their own."""
        recipe = self.recipe
        # Others are no longer than the first sentences: nothing is padded for their sake.
        longest = self.texts.lengths[first].max() if len(first) else np.inf
        others = np.searchsorted(self.sorted_lengths, longest, side="right")
        rows = np.concatenate((first, self.by_length[random.integers(others, size=recipe.others)]))
        month, region = self.texts.month_ids[rows], self.texts.region_ids[rows]
        weights = np.ones(2)
        if invented := random.random() < recipe.invented:
            # Few different contexts, so that many sentences share one; invented months say nothing about events.
            few = random.integers(1, 5)
            choice = random.integers(few, size=len(rows))
            month, region = (random.integers(len(k), size=few)[choice] for k in (self.time, self.region))
        else:
            self._hide(month, region, len(first), random)
            if random.random() < recipe.dialled:
                weights = random.random(2)
        target = gram_targets(
            self.meaning[rows], month, region, self.time, self.region, recipe.pairs, weights[0], weights[1]
        )
        input_ids, attention_mask = self.texts.padded(rows)
        return {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "month_ids": torch.from_numpy(month),
            "region_ids": torch.from_numpy(region),
            "time_weight": torch.tensor(weights[0], dtype=torch.float32),
            "region_weight": torch.tensor(weights[1], dtype=torch.float32),
            "target": torch.from_numpy(target.astype(np.float32)),
        }, not invented

    def _hide(self, month: Ids, region: Ids, first: int, random: np.random.Generator) -> None:
        """Make months and regions missing in place, those after the `first` ones."""
        for ids in (month, region):
            ids[first:] = hide(ids[first:], self.recipe.hide, random)

    def _masked(self, step: int, random: np.random.Generator) -> Batch:
        rows = self.masked_plan[step]
        input_ids, attention_mask = self.texts.padded(rows)
        input_ids, positions, labels = mask_words(
            input_ids, attention_mask, random, self.tokenizer.mask_token_id, len(self.tokenizer)
        )
        return {
            "masked_input_ids": input_ids,
            "masked_attention_mask": attention_mask,
            "masked_positions": positions,
            "masked_month_ids": torch.from_numpy(hide(self.texts.month_ids[rows], self.recipe.hide, random)),
            "masked_region_ids": torch.from_numpy(hide(self.texts.region_ids[rows], self.recipe.hide, random)),
            "mlm_labels": labels,
        }


def gram_targets(
    meaning: NDArray[np.floating],
    month_ids: Ids,
    region_ids: Ids,
    time: NDArray[np.float64],
    region: NDArray[np.float64],
    recipe: PairRecipe,
    time_weight: float = 1.0,
    region_weight: float = 1.0,
) -> NDArray[np.float64]:
    """Cosines to be reached between sentences in their contexts: the label, as a Gram matrix.

    A sentence stands for the vector [sqrt(.6) meaning, w_t sqrt(.2) time code, w_r sqrt(.2) region code], scaled to
    length 1; a missing part (the id -1) is 0, as a dial of 0 is. Between two full contexts this is `PairRecipe.label`.
    Between any others it is a cosine, too, so all of them can be reached together; a label that only drops what is
    missing asks a plain vector for the cosine 1 with the same sentence in every context, which no vectors can have.
    """
    month_weight = np.where(month_ids == MISSING, 0.0, time_weight)
    place_weight = np.where(region_ids == MISSING, 0.0, region_weight)
    m, r = np.maximum(month_ids, 0), np.maximum(region_ids, 0)
    gram = (
        recipe.meaning_weight * (meaning @ meaning.T)
        + recipe.time_weight * time[np.ix_(m, m)] * np.outer(month_weight, month_weight)
        + recipe.region_weight * region[np.ix_(r, r)] * np.outer(place_weight, place_weight)
    )
    length = np.sqrt(
        recipe.meaning_weight + recipe.time_weight * month_weight**2 + recipe.region_weight * place_weight**2
    )
    return gram / np.outer(length, length)


class TokenizedRows:
    """Word pieces, months and regions of a data set, in memory."""

    def __init__(self, dataset: datasets.Dataset, encoder: SpaceTimeEncoder, plain: SpaceTimeEncoder) -> None:
        check_columns(dataset, ["text", "month", "region"], "data set")
        self.pieces = plain.word_pieces(dataset["text"][:])
        self.lengths = np.array([len(ids) for ids in self.pieces], dtype=np.int64)
        self.month_ids: Ids = encoder.months.ids(dataset["month"][:])
        self.region_ids: Ids = encoder.regions.ids(dataset["region"][:])
        self.pad_id = encoder.tokenizer.pad_token_id

    def padded(self, rows: Ids) -> tuple[Tensor, Tensor]:
        """Ids and attention mask of some of them, (B, L) each."""
        return pad([self.pieces[row] for row in rows], self.pad_id)
