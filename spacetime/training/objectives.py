"""What each stage minimises: a model and a batch to a loss and its parts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from spacetime.training.batches import NO_LABEL, Batch

Parts = dict[str, Tensor]
Objective = Callable[[nn.Module, Batch], tuple[Tensor, Parts]]


def stage1_loss(model: nn.Module, batch: Batch) -> tuple[Tensor, Parts]:
    """Masked words + month + region, added with equal weight (Space-Time-MiniLM-v0 card, "Fine-tuning", 1).

    Parameters
    ----------
    model
        A `SpaceTimeMiniLM`, perhaps wrapped.
    batch
        As `spacetime.training.batches.TripleBatches` makes it.

    Returns
    -------
    loss : Tensor of shape ()
    parts : dict
        The three cross entropies, in nats.
    """
    output = model(
        input_ids=batch["input_ids"],
        attention_mask=batch["attention_mask"],
        month_ids=batch["month_ids"],
        region_ids=batch["region_ids"],
        masked_positions=batch["masked_positions"],
        with_heads=True,
    )
    parts = {
        "mlm": cross_entropy(output.mlm_logits, batch["mlm_labels"], batch.get("mlm_count")),
        "month": cross_entropy(output.month_logits, batch["month_labels"], batch.get("month_count")),
        "region": cross_entropy(output.region_logits, batch["region_labels"], batch.get("region_count")),
    }
    return torch.stack(list(parts.values())).sum(), parts


def cross_entropy(logits: Tensor, labels: Tensor, count: Tensor | None = None) -> Tensor:
    """Mean cross entropy over the rows that have a label; 0 where none has.

    `count` is what the sum is divided by where these rows are one process's share of a batch.
    """
    total = functional.cross_entropy(logits.float(), labels, ignore_index=NO_LABEL, reduction="sum")
    return total / ((labels != NO_LABEL).sum().clamp(min=1) if count is None else count)


def stage2_loss(model: nn.Module, batch: Batch) -> tuple[Tensor, Parts]:
    """Mean squared error of each pair's cosine to its similarity (card, "Fine-tuning", 2).

    The card names a "loss over [-1, 1]" and no more; squared error is what its authors' library uses for such labels
    (`CosineSimilarityLoss` of sentence-transformers).
    """
    output = model(
        input_ids=batch["input_ids"],
        attention_mask=batch["attention_mask"],
        month_ids=batch["month_ids"],
        region_ids=batch["region_ids"],
    )
    first, second = output.embedding.float().chunk(2)
    error = functional.mse_loss(functional.cosine_similarity(first, second), batch["similarity"], reduction="sum")
    loss = error / batch.get("pair_count", len(first))
    return loss, {"mse": loss}


@dataclass(frozen=True)
class JointLoss:
    """The joint recipe's loss on a batch of `spacetime.training.joint.JointBatches`: four terms, weighted and added.

    Parameters
    ----------
    cosines
        Weight of the mean squared error of all cosines between embedded sentences to their targets: stage 2, with every
        pair of the batch instead of one pair a row.  In shared contexts the target is the plain model's cosine (up to
        a constant), so this term also keeps meaning.
    events
        Weight of the cross entropy that finds, among the second reports, the one of the first report's event
        (in-batch negatives, all-MiniLM-L12-v1 card, "Training procedure").
    words
        Weight of the masked-LM cross entropy.
    months
        Weight of the cross entropy that finds the right month of a sentence given its region: the sentence without a
        month is to lie nearer to itself in the right month than to itself in a wrong one.
    event_temperature, month_temperature
        What cosines are divided by in the two choices.
    """

    cosines: float = 30.0
    events: float = 0.15
    words: float = 0.2
    months: float = 0.3
    event_temperature: float = 0.05
    month_temperature: float = 0.02

    def __call__(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Parts]:
        embedding = model(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            month_ids=batch["month_ids"],
            region_ids=batch["region_ids"],
            time_weight=batch["time_weight"],
            region_weight=batch["region_weight"],
        ).embedding.float()
        embedding = functional.normalize(embedding, dim=-1)
        cosine = embedding @ embedding.T  # (N, N)
        parts = {
            "cosines": functional.mse_loss(cosine, batch["target"]),
            "events": self._events(cosine, batch["other_event"]),
            "words": self._words(model, batch),
            "months": self._months(model, batch),
        }
        return torch.stack([getattr(self, name) * part for name, part in parts.items()]).sum(), parts

    def _events(self, cosine: Tensor, other_event: Tensor) -> Tensor:
        count = len(other_event)
        if count == 0:
            return cosine.new_zeros(())
        scores = cosine[:count, count : 2 * count] / self.event_temperature
        own = torch.eye(count, dtype=torch.bool, device=cosine.device)
        scores = scores.masked_fill(~(other_event | own), -torch.inf)  # another report of the event is no wrong answer
        return functional.cross_entropy(scores, torch.arange(count, device=cosine.device))

    def _words(self, model: nn.Module, batch: Batch) -> Tensor:
        output = model(
            input_ids=batch["masked_input_ids"],
            attention_mask=batch["masked_attention_mask"],
            month_ids=batch["masked_month_ids"],
            region_ids=batch["masked_region_ids"],
            masked_positions=batch["masked_positions"],
        )
        return cross_entropy(output.mlm_logits, batch["mlm_labels"])

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


def rank_correlation(a: Any, b: Any) -> float:
    """Return Spearman's rank correlation; 0.0 where one side has one value only (a collapsed encoder ranks nothing).

    Values are rounded to six decimals first: float32 cosines that differ by less are equal, not ranked.
    """
    from scipy.stats import spearmanr

    a, b = np.round(np.asarray(a, dtype=np.float64), 6), np.round(np.asarray(b, dtype=np.float64), 6)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(spearmanr(a, b).statistic)
