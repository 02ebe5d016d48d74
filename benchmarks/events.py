"""What the released model learned from beside the joint recipe: reports of one event, and sentences asked for a month.

- A part of the embedded sentences of a step are pairs of **reports** of one event, which learn to find each other.
- **Asked** sentences have their region, but no month, their right month, or wrong ones.
"""

from dataclasses import dataclass
from typing import Any

import datasets
import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from spacetime.encoder import SpaceTimeEncoder
from spacetime.months import MISSING
from spacetime.training.batches import Batch, BatchPlan, hide
from spacetime.training.joint import Ids, JointBatches, JointRecipe, TokenizedRows
from spacetime.training.objectives import JointLoss, Parts


@dataclass(frozen=True)
class EventRecipe(JointRecipe):
    """What a step sees.

    Parameters
    ----------
    events
        Pairs of reports of one event in a step (rows that share a topic, at most `event_days` days apart).
    asked
        Sentences asked for their month.
    wrong_months
        Wrong months, of the same year, beside the right one of each asked sentence.
    hide_both, hide_one
        Probability that the first report of an event has neither month nor region, and that it lacks one of them:
        so reports given without context learn to find those given with theirs.
    """

    events: int = 24
    asked: int = 12
    wrong_months: int = 3
    hide_both: float = 0.35
    hide_one: float = 0.2
    event_days: int = 30


class EventBatches(JointBatches):
    """The steps of the joint recipe with events and asked sentences.

    The data set has columns date (YYYY-MM-DD) and topic, too, for events; a row without a topic has none. `asked` are
    sentences (text, month, region) whose month follows from their words and their region.

    Notes
    -----
    Beside those of `JointBatches`, `batches[step]` has for E events, whose first and second reports are the first
    2 E embedded sentences, `other_event` (E, E): True where a second report is a wrong answer to a first one; and
    `asked_input_ids`, `asked_attention_mask` (A, L), `asked_month_ids` (2 + wrong_months, A): missing, right and
    wrong months, `asked_region_ids` (A,).
    """

    recipe: EventRecipe

    def __init__(
        self,
        dataset: datasets.Dataset,
        encoder: SpaceTimeEncoder,
        plain: SpaceTimeEncoder,
        recipe: EventRecipe,
        *,
        asked: datasets.Dataset,
        seed: int = 0,
        **settings: Any,
    ) -> None:
        super().__init__(dataset, encoder, plain, recipe, seed=seed, **settings)
        self.months, self.asked = encoder.months, TokenizedRows(asked, encoder, plain)
        self.mates = event_mates(dataset, recipe.event_days)
        self.reports = np.array(sorted(self.mates), dtype=np.int64)
        # The number of the topic of each row; rows without one have no mates.
        topics = dataset["topic"][:] if "topic" in dataset.column_names else [""] * len(dataset)
        self.topic = pd.factorize(np.array(topics, dtype=object))[0]
        self.plan = BatchPlan(self.texts.lengths[self.reports], recipe.events, seed) if self.mates else None

    def __getitem__(self, step: int) -> Batch:
        random = np.random.default_rng([self.seed, 3, step])
        rows = self._first(step, random)
        embedded, own_contexts = self._embedded(rows, random)
        first, second = self.topic[rows if own_contexts else rows[:0]].reshape(2, -1)
        embedded["other_event"] = torch.from_numpy(first[:, None] != second[None])
        return embedded | self._masked(step, random) | self._asked(random)

    def _first(self, step: int, random: np.random.Generator) -> Ids:
        first = self.reports[self.plan[step]] if self.plan else np.empty(0, dtype=np.int64)
        second = np.array([random.choice(self.mates[row]) for row in first.tolist()], dtype=np.int64)
        return np.concatenate((first, second))

    def _hide(self, month: Ids, region: Ids, first: int, random: np.random.Generator) -> None:
        events = first // 2
        both = random.random(events) < self.recipe.hide_both
        for ids in (month, region):
            ids[:events] = np.where(both, MISSING, hide(ids[:events], self.recipe.hide_one, random))
            ids[first:] = hide(ids[first:], self.recipe.hide, random)

    def _asked(self, random: np.random.Generator) -> Batch:
        rows = random.integers(len(self.asked.pieces), size=self.recipe.asked)
        right = self.asked.month_ids[rows]
        start = int(self.months.labels(0)[5:]) - 1  # type: ignore[index]
        first_of_year = right - (right + start) % 12
        shift = np.stack([1 + random.permutation(11)[: self.recipe.wrong_months] for _ in rows], axis=1)
        wrong = first_of_year + (right - first_of_year + shift) % 12  # another month of the same year
        inside = (wrong >= 0) & (wrong < len(self.months))
        wrong = np.where(inside, wrong, random.integers(len(self.months), size=wrong.shape))
        input_ids, attention_mask = self.asked.padded(rows)
        return {
            "asked_input_ids": input_ids,
            "asked_attention_mask": attention_mask,
            "asked_month_ids": torch.from_numpy(np.concatenate((np.full((1, len(rows)), MISSING), right[None], wrong))),
            "asked_region_ids": torch.from_numpy(self.asked.region_ids[rows]),
        }


def event_mates(dataset: datasets.Dataset, days: int) -> dict[int, Ids]:
    """For each row with a topic, the other rows of that topic at most `days` days away, with another text.

    Rows without such mates are not in the result; a data set without the columns topic and date has none.
    """
    if not {"topic", "date"} <= set(dataset.column_names):
        return {}
    table = dataset.select_columns(["text", "topic", "date"]).to_pandas()
    table = table[table["topic"].fillna("").ne("") & table["date"].fillna("").ne("")]
    table["day"] = np.array(table["date"].tolist(), dtype="datetime64[D]")
    mates = {}
    for _, event in table.groupby("topic", sort=False):
        rows, texts, day = event.index.to_numpy(), event["text"].to_numpy(), event["day"].to_numpy()
        for row, text, own in zip(rows.tolist(), texts, day, strict=True):
            near = rows[(texts != text) & (np.abs(day - own) <= np.timedelta64(days, "D"))]
            if len(near):
                mates[row] = near
    return mates


@dataclass(frozen=True)
class EventLoss(JointLoss):
    """The joint loss with two more terms.

    Parameters
    ----------
    events
        Weight of the cross entropy that finds, among the second reports, the one of the first report's event
        (in-batch negatives, all-MiniLM-L12-v1 card, "Training procedure").
    months
        Weight of the cross entropy that finds the right month of a sentence given its region: the sentence without a
        month is to lie nearer to itself in the right month than to itself in a wrong one.
    event_temperature, month_temperature
        What cosines are divided by in the two choices.
    """

    events: float = 0.15
    months: float = 0.3
    event_temperature: float = 0.05
    month_temperature: float = 0.02

    def terms(self, model: nn.Module, batch: Batch, cosine: Tensor) -> Parts:
        shared = super().terms(model, batch, cosine)
        events, months = self._events(cosine, batch["other_event"]), self._months(model, batch)
        return {"cosines": shared["cosines"], "events": events, "words": shared["words"], "months": months}

    def _events(self, cosine: Tensor, other_event: Tensor) -> Tensor:
        count = len(other_event)
        if count == 0:
            return cosine.new_zeros(())
        scores = cosine[:count, count : 2 * count] / self.event_temperature
        own = torch.eye(count, dtype=torch.bool, device=cosine.device)
        scores = scores.masked_fill(~(other_event | own), -torch.inf)  # another report of the event is no wrong answer
        return functional.cross_entropy(scores, torch.arange(count, device=cosine.device))

    def _months(self, model: nn.Module, batch: Batch) -> Tensor:
        choices, count = batch["asked_month_ids"].shape
        embedding = model(
            input_ids=batch["asked_input_ids"].repeat(choices, 1),
            attention_mask=batch["asked_attention_mask"].repeat(choices, 1),
            month_ids=batch["asked_month_ids"].reshape(-1),
            region_ids=batch["asked_region_ids"].repeat(choices),
        ).embedding.float()
        embedding = functional.normalize(embedding, dim=-1).view(choices, count, -1)
        scores = (embedding[:1] * embedding[1:]).sum(-1).T / self.month_temperature  # (A, 1 + wrong months)
        right = torch.zeros(count, dtype=torch.long, device=scores.device)
        return functional.cross_entropy(scores, right)
