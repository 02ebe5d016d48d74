"""Fitting a model's `Locator`: month and region from the text alone, on a backbone that stays as it is."""

import datasets
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from spacetime.encoder import SpaceTimeEncoder
from spacetime.inputs import check_columns
from spacetime.model.embedding import pad
from spacetime.model.modeling import Locator
from spacetime.training.batches import NO_LABEL, as_labels
from spacetime.training.loop import weights_only
from spacetime.training.objectives import cross_entropy

BATCH_SIZE = 256
LEARNING_RATE = 3e-3
HIDE_PIECES = 0.3  # share of the word pieces, and of the embedding's numbers, left out at random in each step
NEAR_MONTHS = 2.0  # half of the target spreads over near months as exp(-months apart / this)
EMBEDDING_RATE = 0.3  # of the learning rate, for what reads the embedding: it needs little, and memorises with more
PIECE_SCALE = 10.0  # what the bag's unit vectors are multiplied by while fitting: pieces then learn ten times as fast


def fit_locator(
    encoder: SpaceTimeEncoder,
    dataset: datasets.Dataset,
    *,
    validation: datasets.Dataset | None = None,
    epochs: int = 6,
    seed: int = 0,
    show_progress: bool | None = None,
) -> dict[str, float]:
    """Fit `encoder.model.locator` in place; a few seconds once the plain embeddings are there.

    The data sets have columns text, month, region; a missing label is left out of its own loss. On `validation` a
    temperature for months and one for regions are chosen and returned, so that probabilities mean what they say.
    """
    locator = encoder.model.locator
    if locator is None:
        raise ValueError("this model has no locator; build it with locator_rank=64")
    check_columns(dataset, ["text", "month", "region"], "data set")
    with weights_only(encoder.model):
        encoder.model.eval()
        rows = _Located(encoder, dataset, show_progress)
        locator.piece_weights.copy_(inverse_document_frequency(rows.pieces, encoder.model.config.vocab_size))
        locator.requires_grad_(True)
        _fit(locator, rows, epochs, seed)
        if validation is None or not len(validation):
            return {"temperature_month": 1.0, "temperature_region": 1.0}
        return _calibrate(locator.eval(), _Located(encoder, validation, show_progress))


def _fit(locator: Locator, rows: "_Located", epochs: int, seed: int) -> None:
    """Fit the weights, from new ones."""
    random = np.random.default_rng(seed)
    torch.manual_seed(seed)
    nn.init.normal_(locator.pieces.weight, std=0.05)
    nn.init.normal_(locator.from_pieces.weight, std=locator.from_pieces.in_features**-0.5)
    mean, spread = rows.embeddings.mean(0), rows.embeddings.std(0).clamp(min=1e-3)
    bag = [*locator.pieces.parameters(), *locator.from_pieces.parameters()]
    groups = [{"params": bag, "rate": 1.0}, {"params": [*locator.from_embedding.parameters()], "rate": EMBEDDING_RATE}]
    optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, weight_decay=0.01, fused=True)
    batches = -(-len(rows.pieces) // BATCH_SIZE)  # an epoch
    step, steps = 0, epochs * batches
    locator.train()
    for _ in range(epochs):
        for chosen in np.array_split(random.permutation(len(rows.pieces)), batches):
            for group in optimizer.param_groups:
                group["lr"] = group["rate"] * LEARNING_RATE * (1 - step / steps)
            month_logits, region_logits = _logits(locator, rows, chosen, mean, spread)
            loss = month_loss(month_logits, rows.month_ids[chosen])
            loss = loss + cross_entropy(region_logits, rows.region_ids[chosen])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step += 1
    with torch.no_grad():
        # What standardised the embedding and scaled the bag goes into the weights.
        locator.from_embedding.bias.sub_(locator.from_embedding.weight @ (mean / spread))
        locator.from_embedding.weight /= spread
        locator.pieces.weight *= PIECE_SCALE


def inverse_document_frequency(pieces: list[list[int]], vocabulary: int) -> Tensor:
    """Smoothed inverse document frequency of word pieces; 0 for [CLS], [SEP], and what fewer than two texts have."""
    seen = np.zeros(vocabulary)
    for ids in pieces:
        seen[np.unique(ids[1:-1])] += 1
    weights = np.log((1 + len(pieces)) / (1 + seen)) + 1
    return torch.from_numpy(np.where(seen < 2, 0.0, weights)).float()


def month_loss(logits: Tensor, month_ids: Tensor) -> Tensor:
    """Cross entropy, half of it against a target that spreads over near months; rows without a month are left out."""
    known = month_ids != NO_LABEL
    if not known.any():
        return cross_entropy(logits, month_ids)
    apart = (torch.arange(logits.shape[1])[None] - month_ids[known][:, None]).abs()
    near = torch.softmax(-apart / NEAR_MONTHS, dim=-1)
    return (cross_entropy(logits, month_ids) - (near * logits[known].log_softmax(-1)).sum(-1).mean()) / 2


class _Located:
    """Word pieces, plain unit embeddings and labels of a data set."""

    def __init__(self, encoder: SpaceTimeEncoder, dataset: datasets.Dataset, show_progress: bool | None) -> None:
        texts = dataset["text"][:]
        self.pieces = encoder.word_pieces(texts)
        self.embeddings = torch.from_numpy(encoder.encode(texts, show_progress=show_progress))
        self.month_ids = as_labels(encoder.months.ids(dataset["month"][:]))
        self.region_ids = as_labels(encoder.regions.ids(dataset["region"][:]))


def _logits(
    locator: Locator, rows: _Located, chosen: NDArray[np.int64], mean: Tensor, spread: Tensor
) -> tuple[Tensor, Tensor]:
    """The locator's logits while fitting: standardised embeddings, a scaled bag with some pieces left out."""
    input_ids, attention_mask = pad([rows.pieces[row] for row in chosen], 0)
    kept = attention_mask * (torch.rand(attention_mask.shape) >= HIDE_PIECES)
    bag = torch.einsum("bl,blr->br", locator.bag_weights(input_ids, kept), locator.pieces(input_ids))
    standard = functional.dropout((rows.embeddings[chosen] - mean) / spread, HIDE_PIECES)
    logits = locator.from_pieces(PIECE_SCALE * bag) + locator.from_embedding(standard)
    return logits[:, : locator.num_months], logits[:, locator.num_months :]


@torch.no_grad()
def _calibrate(locator: Locator, rows: _Located) -> dict[str, float]:
    """Divide each kind of logits by the temperature under which unseen labels are likeliest."""
    input_ids, attention_mask = pad(rows.pieces, 0)
    month_logits, region_logits = locator(rows.embeddings, input_ids, attention_mask)
    grid = torch.linspace(0.5, 4.0, 71)
    found = {}
    for name, logits, labels, part in (
        ("month", month_logits, rows.month_ids, slice(locator.num_months)),
        ("region", region_logits, rows.region_ids, slice(locator.num_months, None)),
    ):
        losses = [functional.cross_entropy(logits / t, labels, ignore_index=NO_LABEL).item() for t in grid]
        temperature = float(grid[int(np.argmin(losses))])
        for layer in (locator.from_pieces, locator.from_embedding):
            layer.weight[part] /= temperature
            layer.bias[part] /= temperature
        found[f"temperature_{name}"] = temperature
    return found
