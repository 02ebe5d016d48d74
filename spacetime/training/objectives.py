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

    The batch is as `spacetime.training.batches.TripleBatches` makes it; the parts are three cross entropies, in nats.
    """
    output = model(**inputs_of(batch), masked_positions=batch["masked_positions"], with_heads=True)
    parts = {
        "mlm": cross_entropy(output.mlm_logits, batch["mlm_labels"], batch.get("mlm_count")),
        "month": cross_entropy(output.month_logits, batch["month_labels"], batch.get("month_count")),
        "region": cross_entropy(output.region_logits, batch["region_labels"], batch.get("region_count")),
    }
    return torch.stack(list(parts.values())).sum(), parts


def inputs_of(batch: Batch, which: str = "") -> Batch:
    """What the model reads of a batch that may hold several."""
    names = ("input_ids", "attention_mask", "month_ids", "region_ids")
    return {name: batch[which + name] for name in names}


def cross_entropy(logits: Tensor, labels: Tensor, count: Tensor | None = None) -> Tensor:
    """Mean cross entropy over the rows that have a label; 0 where none has.

    `count` is what the sum is divided by where these rows are one process's share of a batch.
    """
    total = functional.cross_entropy(logits.float(), labels, ignore_index=NO_LABEL, reduction="sum")
    return total / ((labels != NO_LABEL).sum().clamp(min=1) if count is None else count)


def stage2_loss(model: nn.Module, batch: Batch) -> tuple[Tensor, Parts]:
    """Mean squared error of each pair's cosine to its similarity (card, "Fine-tuning", 2).

    The card names a "loss over [-1, 1]" and no more; squared error is what its authors' library uses for such labels.
    """
    first, second = model(**inputs_of(batch)).embedding.float().chunk(2)
    error = functional.mse_loss(functional.cosine_similarity(first, second), batch["similarity"], reduction="sum")
    loss = error / batch.get("pair_count", len(first))
    return loss, {"mse": loss}


@dataclass(frozen=True)
class JointLoss:
    """The joint recipe's loss on a batch of `spacetime.training.joint.JointBatches`: terms, weighted and added.

    `cosines` weighs the mean squared error of all cosines between embedded sentences to their targets: stage 2, with
    every pair of the batch instead of one pair a row. In shared contexts the target is the plain model's cosine, up to
    a constant, so this term also keeps meaning. `words` weighs the masked-LM cross entropy.
    """

    cosines: float = 30.0
    words: float = 0.2

    def __call__(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Parts]:
        dials = {name: batch[name] for name in ("time_weight", "region_weight")}
        embedding = functional.normalize(model(**inputs_of(batch), **dials).embedding.float(), dim=-1)
        parts = self.terms(model, batch, embedding @ embedding.T)
        return torch.stack([getattr(self, name) * part for name, part in parts.items()]).sum(), parts

    def terms(self, model: nn.Module, batch: Batch, cosine: Tensor) -> Parts:
        """Every term by its name, from the cosines (N, N) of the embedded sentences."""
        output = model(**inputs_of(batch, "masked_"), masked_positions=batch["masked_positions"])
        words = cross_entropy(output.mlm_logits, batch["mlm_labels"])
        return {"cosines": functional.mse_loss(cosine, batch["target"]), "words": words}


def rank_correlation(a: Any, b: Any) -> float:
    """Return Spearman's rank correlation; 0.0 where one side has one value only (a collapsed encoder ranks nothing).

    Values are rounded to six decimals first: float32 cosines that differ by less are equal, not ranked.
    """
    from scipy.stats import spearmanr

    a, b = np.round(np.asarray(a, dtype=np.float64), 6), np.round(np.asarray(b, dtype=np.float64), 6)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(spearmanr(a, b).statistic)
