"""What each stage minimises: a model and a batch to a loss and its parts."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from spacetime.data.batches import NO_LABEL, Batch

Parts = dict[str, Tensor]
Objective = Callable[[nn.Module, Batch], tuple[Tensor, Parts]]


def stage1_loss(model: nn.Module, batch: Batch) -> tuple[Tensor, Parts]:
    """Masked words + month + region, added with equal weight (Space-Time-MiniLM-v0 card, "Fine-tuning", 1).

    Parameters
    ----------
    model
        A `SpaceTimeMiniLM`, perhaps wrapped.
    batch
        As `spacetime.data.batches.TripleBatches` makes it.

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
        "mlm": cross_entropy(output.mlm_logits, batch["mlm_labels"]),
        "month": cross_entropy(output.month_logits, batch["month_labels"]),
        "region": cross_entropy(output.region_logits, batch["region_labels"]),
    }
    return torch.stack(list(parts.values())).sum(), parts


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross entropy over the rows that have a label; 0 where none has."""
    total = functional.cross_entropy(logits.float(), labels, ignore_index=NO_LABEL, reduction="sum")
    return total / (labels != NO_LABEL).sum().clamp(min=1)


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
    loss = functional.mse_loss(functional.cosine_similarity(first, second), batch["similarity"])
    return loss, {"mse": loss}
