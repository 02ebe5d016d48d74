"""Batches of the joint recipe, which trained the released model: everything one step needs to learn from.

A step of `spacetime.training.objectives.joint_loss` looks at three small batches:

- **embedded** sentences, each with a target for its cosine with every other one.  The target is the published kind
  of label, `.6 meaning + .2 time + .2 region`, written as the Gram matrix of vectors, so that it also holds where a
  context is missing or dialled down (:func:`gram_targets`).  A part of them are pairs of reports of one event.
- **masked** sentences, as in stage 1.
- **asked** sentences, each with its region but without its month, with its right month, and with wrong ones.

Every batch is a function of (seed, step), as in `spacetime.training.batches`.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import datasets
import numpy as np
import torch
from numpy.typing import NDArray

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
    events
        Pairs of reports of one event in a step (rows that share a topic, at most `event_days` days apart).
    others
        Further embedded sentences.
    masked, asked
        Sentences whose words are masked; sentences asked for their month.
    wrong_months
        Wrong months, of the same year, beside the right one of each asked sentence.
    hide_both, hide_one
        Probability that the first report of an event has neither month nor region, and that it lacks one of them:
        so reports given without context learn to find those given with theirs.
    hide
        Probability, in all other places, that a month is hidden, and a region.
    invented
        Share of the steps in which embedded sentences get a few random months and regions instead of their own:
        in a shared context, too, meaning is to be kept.
    dialled
        Share of the other steps with a random dial (`time_weight`, `region_weight`).
    pairs
        Weights and kernels of the target.
    """

    events: int = 24
    others: int = 16
    masked: int = 64
    asked: int = 12
    wrong_months: int = 3
    hide_both: float = 0.35
    hide_one: float = 0.2
    hide: float = 0.15
    invented: float = 0.25
    dialled: float = 0.3
    event_days: int = 30
    pairs: PairRecipe = PairRecipe()


class JointBatches:
    """The steps of the joint recipe.

    Parameters
    ----------
    dataset : datasets.Dataset
        Columns text, month, region, and for events date (YYYY-MM-DD) and topic; a row without a topic has no event.
    asked : datasets.Dataset
        Columns text, month, region: sentences whose month follows from their words and their region.
    encoder : SpaceTimeEncoder
        Whose tokenizer, months and regions are used.
    plain : SpaceTimeEncoder
        Gives the meaning that is to be kept; sentences are cut at its `max_length`.
    recipe, seed
        The same ones give the same steps.

    Notes
    -----
    `batches[step]` has, for E events and N = 2 E + others embedded sentences (first reports, second reports, others):

    - `input_ids`, `attention_mask` (N, L), `month_ids`, `region_ids` (N,), `time_weight`, `region_weight` (),
      `target` (N, N), `other_event` (E, E): True where a second report is a wrong answer to a first one;
    - `masked_input_ids`, `masked_attention_mask`, `masked_positions`, `masked_month_ids`, `masked_region_ids`,
      `mlm_labels` as in stage 1;
    - `asked_input_ids`, `asked_attention_mask` (A, L), `asked_month_ids` (2 + wrong_months, A): missing, right and
      wrong months, `asked_region_ids` (A,).
    """

    def __init__(
        self,
        dataset: datasets.Dataset,
        asked: datasets.Dataset,
        encoder: SpaceTimeEncoder,
        plain: SpaceTimeEncoder,
        recipe: JointRecipe | None = None,
        *,
        seed: int = 0,
        show_progress: bool | None = None,
    ) -> None:
        self.recipe, self.seed = recipe or JointRecipe(), seed
        self.months, self.tokenizer = encoder.months, encoder.tokenizer
        for rows in (dataset, asked):
            check_columns(rows, ["text", "month", "region"], "data set")
        self.texts, self.asked = _Rows(dataset, encoder, plain), _Rows(asked, encoder, plain)
        self.meaning = plain.encode(dataset["text"][:], show_progress=show_progress)
        self.time = self.recipe.pairs.time_similarity(encoder.months)
        self.region = self.recipe.pairs.region_similarity(encoder.regions)
        self.mates = event_mates(dataset, self.recipe.event_days)
        self.first_reports = np.array(sorted(self.mates), dtype=np.int64)
        # The number of the topic of each row; rows without one share -1, and are nobody's mates.
        self.topic = _numbered(dataset["topic"][:]) if "topic" in dataset.column_names else np.full(len(dataset), -1)
        # Short sentences with short ones: sorted as training batches are.
        self.events_plan = (
            BatchPlan(self.texts.lengths[self.first_reports], self.recipe.events, seed) if self.mates else None
        )
        self.by_length = np.argsort(self.texts.lengths, kind="stable")
        self.sorted_lengths = self.texts.lengths[self.by_length]
        self.masked_plan = BatchPlan(self.texts.lengths, self.recipe.masked, seed)

    def __len__(self) -> int:
        return len(self.masked_plan)

    def __getitem__(self, step: int) -> Batch:
        random = np.random.default_rng([self.seed, 3, step])
        return {**self._embedded(step, random), **self._masked(step, random), **self._asked(random)}

    def _embedded(self, step: int, random: np.random.Generator) -> Batch:
        recipe = self.recipe
        first = self.first_reports[self.events_plan[step]] if self.events_plan else np.empty(0, dtype=np.int64)
        second = np.array([random.choice(self.mates[row]) for row in first.tolist()], dtype=np.int64)
        # Others are no longer than the events' sentences: nothing is padded for their sake.
        longest = self.texts.lengths[np.concatenate((first, second))].max(initial=0) if len(first) else np.inf
        others = np.searchsorted(self.sorted_lengths, longest, side="right")
        rows = np.concatenate((first, second, self.by_length[random.integers(others, size=recipe.others)]))
        month, region = self.texts.month_ids[rows], self.texts.region_ids[rows]
        count = len(first)
        weights = np.ones(2)
        if random.random() < recipe.invented:
            # Few different contexts, so that many sentences share one; invented months say nothing about events.
            few = random.integers(1, 5)
            choice = random.integers(few, size=len(rows))
            month, region = (random.integers(len(k), size=few)[choice] for k in (self.time, self.region))
            other_event = np.zeros((0, 0), dtype=bool)
        else:
            both = random.random(count) < recipe.hide_both
            for ids in (month, region):
                ids[:count] = np.where(both, MISSING, hide(ids[:count], recipe.hide_one, random))
                ids[2 * count :] = hide(ids[2 * count :], recipe.hide, random)
            if random.random() < recipe.dialled:
                weights = random.random(2)
            other_event = self.topic[first][:, None] != self.topic[second][None]
        target = gram_targets(
            self.meaning[rows], month, region, self.time, self.region, recipe.pairs, weights[0], weights[1]
        )
        input_ids, attention_mask = pad([self.texts.pieces[row] for row in rows], self.tokenizer.pad_token_id)
        return {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "month_ids": torch.from_numpy(month),
            "region_ids": torch.from_numpy(region),
            "time_weight": torch.tensor(weights[0], dtype=torch.float32),
            "region_weight": torch.tensor(weights[1], dtype=torch.float32),
            "target": torch.from_numpy(target.astype(np.float32)),
            "other_event": torch.from_numpy(other_event),
        }

    def _masked(self, step: int, random: np.random.Generator) -> Batch:
        rows = self.masked_plan[step]
        input_ids, attention_mask = pad([self.texts.pieces[row] for row in rows], self.tokenizer.pad_token_id)
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

    def _asked(self, random: np.random.Generator) -> Batch:
        rows = random.integers(len(self.asked), size=self.recipe.asked)
        right = self.asked.month_ids[rows]
        start = int(self.months.labels(0)[5:]) - 1  # type: ignore[index]
        first_of_year = right - (right + start) % 12
        shift = np.stack([1 + random.permutation(11)[: self.recipe.wrong_months] for _ in rows], axis=1)
        wrong = first_of_year + (right - first_of_year + shift) % 12  # another month of the same year
        inside = (wrong >= 0) & (wrong < len(self.months))
        wrong = np.where(inside, wrong, random.integers(len(self.months), size=wrong.shape))
        input_ids, attention_mask = pad([self.asked.pieces[row] for row in rows], self.tokenizer.pad_token_id)
        return {
            "asked_input_ids": input_ids,
            "asked_attention_mask": attention_mask,
            "asked_month_ids": torch.from_numpy(np.concatenate((np.full((1, len(rows)), MISSING), right[None], wrong))),
            "asked_region_ids": torch.from_numpy(self.asked.region_ids[rows]),
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
    length 1; a missing part is 0, as a dial of 0 is.  Between two full contexts this is `PairRecipe.label`.  Between
    any others it is a cosine, too, so all of them can be reached together; a label that only drops what is missing
    asks a plain vector for the cosine 1 with the same sentence in every context, which no vectors can have.

    Parameters
    ----------
    meaning : array (n, C)
        Plain unit vectors.
    month_ids, region_ids : arrays (n,)
        -1 where missing.
    time, region : arrays (months, months), (regions, regions)
        The kernels of `recipe`.
    time_weight, region_weight
        The dial, from 0 to 1.
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


def event_mates(dataset: datasets.Dataset, days: int) -> dict[int, Ids]:
    """For each row with a topic, the other rows of that topic at most `days` days away, with another text.

    Rows without such mates are not in the result; a data set without the columns topic and date has none.
    """
    if not {"topic", "date"} <= set(dataset.column_names):
        return {}
    texts = dataset["text"][:]
    rows_of: dict[str, list[int]] = defaultdict(list)
    day = np.full(len(dataset), np.datetime64("NaT"), dtype="datetime64[D]")
    for row, (topic, date) in enumerate(zip(dataset["topic"][:], dataset["date"][:], strict=True)):
        if topic and date:
            rows_of[topic].append(row)
            day[row] = np.datetime64(date, "D")
    mates = {}
    for rows in rows_of.values():
        for row in rows:
            near = [
                other
                for other in rows
                if texts[other] != texts[row] and abs(day[other] - day[row]) <= np.timedelta64(days, "D")
            ]
            if near:
                mates[row] = np.array(near, dtype=np.int64)
    return mates


class _Rows:
    """Word pieces, months and regions of a data set, in memory."""

    def __init__(self, dataset: datasets.Dataset, encoder: SpaceTimeEncoder, plain: SpaceTimeEncoder) -> None:
        if len(dataset) == 0:
            raise ValueError("no rows to train on; the corpus or the split is empty")
        self.pieces = plain.word_pieces(dataset["text"][:])
        self.lengths = np.array([len(ids) for ids in self.pieces], dtype=np.int64)
        self.month_ids: Ids = encoder.months.ids(dataset["month"][:])
        self.region_ids: Ids = encoder.regions.ids(dataset["region"][:])

    def __len__(self) -> int:
        return len(self.pieces)


def _numbered(labels: Sequence[str | None]) -> Ids:
    """A number for each distinct label, -1 for none."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) if label else -1 for label in labels], dtype=np.int64)
