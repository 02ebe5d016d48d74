"""The plain encoder's loss: who of all the batch was paired with whom (all-MiniLM-L12-v1 card, "Fine-tuning").

Every other text of the batch is a wrong answer, so a large batch is a hard question. Gradient caching makes a batch
of 1,024 fit where a few dozen texts fit: the texts are embedded in chunks without gradients, the loss is
differentiated down to the embeddings, and each chunk is embedded once more to carry its embeddings' gradient on into
the weights (Gao et al. 2021, arXiv 2101.06983). The gradient is the same; the encoder runs forward twice.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional
from torch.utils.checkpoint import get_device_states, set_device_states

from spacetime.inputs import fit_fields
from spacetime.training.batches import Batch
from spacetime.training.objectives import Parts
from spacetime.training.processes import count_processes, over_processes, rows_of_each


@dataclass(frozen=True)
class ContrastiveLoss:
    """Cross entropy of the true pairs against all pairs of the batch, over scaled cosines.

    Hard negatives, where rows have some, are wrong answers for every row, as are those of all processes; the mean of
    the processes' losses is the loss of the whole batch (`spacetime.training.mixture.MixtureBatches`).

    Parameters
    ----------
    scale
        What cosines are multiplied by. 20 is a temperature of .05. The card does not name it; 20 is usual for cosines.
    symmetric
        Also ask from the second text which first one was paired with it, and take the mean of both. The card asks
        one way: "given a sentence from the pair, the model should predict which ... was actually paired with it".
    same_text_is_wrong
        Count a candidate as a wrong answer even where its text is that of the right one, or of the question
        itself, or where the same question stands in the batch with another answer. False leaves such places out:
        with a thousand rows from one data set there are some, and punishing them teaches the opposite.
    chunk
        Texts embedded at a time, to save memory (gradient caching). None embeds all at once.

    """

    scale: float = 20.0
    symmetric: bool = False
    same_text_is_wrong: bool = False
    chunk: int | None = None

    def __post_init__(self) -> None:
        fit_fields(self)
        if not self.scale > 0:
            raise ValueError(f"scale must be above 0, not {self.scale!r}")

    def __call__(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Parts]:
        """Loss and its parts: `accuracy` is the share of the questions whose own answer is the nearest.

        With chunks, `loss.backward()` runs the second pass.
        """
        # Rows of each chunk, shortest texts first, so that little of a chunk is padding.
        order = torch.argsort(batch["attention_mask"].sum(1), stable=True)
        parts = list(order.split(self.chunk or len(order)))
        if not torch.is_grad_enabled():
            return self._loss(torch.cat([_embed(model, batch, part) for part in parts]), batch, torch.cat(parts))
        if len(parts) == 1:
            return self._loss(_embed(model, batch, parts[0]), batch, parts[0])

        # First pass: embeddings alone, and the random states (of dropout) in which each chunk was embedded.
        states, embeddings = [], []
        with torch.no_grad():
            for part in parts:
                states.append((torch.get_rng_state(), *get_device_states(batch["input_ids"])))
                embeddings.append(_embed(model, batch, part))
        leaf = torch.cat(embeddings).requires_grad_()
        found, shown = self._loss(leaf, batch, torch.cat(parts))
        (gradient,) = torch.autograd.grad(found, leaf)
        gradients = gradient.split([len(part) for part in parts])

        def second_pass(factor: Tensor) -> None:
            with torch.enable_grad():
                for part, (state, devices, device_states), pulled in zip(parts, states, gradients, strict=True):
                    with torch.random.fork_rng(devices):
                        torch.set_rng_state(state)
                        set_device_states(devices, device_states)
                        embedding = _embed(model, batch, part)
                    embedding.backward(pulled * factor)

        loss = found.detach().requires_grad_()
        loss.register_hook(second_pass)
        return loss, shown

    def _loss(self, embeddings: Tensor, batch: Batch, order: Tensor) -> tuple[Tensor, Parts]:
        """From embeddings of the texts in the order of the chunks to the loss and its parts."""
        embeddings = embeddings[torch.argsort(order)]  # back to the order of the batch
        count = len(batch["first_texts"])
        first, second, negative = embeddings.tensor_split((count, 2 * count))
        first_texts, second_texts = batch["first_texts"], batch["second_texts"]
        every_first_text, every_second_text = over_processes(first_texts), over_processes(second_texts)
        # All second texts, then all negatives: (candidates, C)
        candidates = torch.cat((over_processes(second), over_processes(negative)))
        candidate_texts = torch.cat((every_second_text, over_processes(batch["negative_texts"])))
        # Rows of this process among those of all; with one process 0, 1, 2, ...
        before = sum(rows_of_each(first)[: distributed.get_rank()]) if count_processes() > 1 else 0
        own = before + torch.arange(count, device=embeddings.device)

        same = candidate_texts == second_texts[:, None]
        same |= candidate_texts == first_texts[:, None]
        same[:, : len(every_first_text)] |= every_first_text == first_texts[:, None]
        scores = self._without(self.scale * first @ candidates.T, same, own)  # (B, candidates)
        losses = [functional.cross_entropy(scores, own, reduction="sum")]
        if self.symmetric:
            same = every_first_text == first_texts[:, None]
            same |= every_first_text == second_texts[:, None]
            same |= every_second_text == second_texts[:, None]
            backward = self._without(self.scale * second @ over_processes(first).T, same, own)
            losses.append(functional.cross_entropy(backward, own, reduction="sum"))
        # The sum over this process's rows, so weighted that the mean of all processes' losses is the whole mean.
        share = count_processes() / len(every_first_text)
        loss = torch.stack(losses).mean() * share
        right = (scores.detach().argmax(1) == own).float().sum() * share
        return loss, {"contrastive": loss.detach(), "accuracy": right}

    def _without(self, scores: Tensor, same: Tensor, own: Tensor) -> Tensor:
        """Scores without the places that are right answers too."""
        if self.same_text_is_wrong:
            return scores
        same[torch.arange(len(own), device=own.device), own] = False
        return scores.masked_fill(same, -torch.inf)


def _embed(model: nn.Module, batch: Batch, rows: Tensor) -> Tensor:
    """Unit embeddings (rows, C) of some texts, cut at the longest of them."""
    mask = batch["attention_mask"][rows]
    length = int(mask.sum(1).max())
    embedding: Tensor = model(input_ids=batch["input_ids"][rows, :length], attention_mask=mask[:, :length]).embedding
    if embedding.dtype in (torch.bfloat16, torch.float16):  # cosines and their softmax need more digits
        embedding = embedding.float()
    return functional.normalize(embedding, dim=-1)
