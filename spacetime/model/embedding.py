"""Word pieces to embeddings, by the quickest way for a model, a device and the sentences: packed or padded."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm.auto import tqdm

from spacetime.inputs import whole_number
from spacetime.model.modeling import SpaceTimeMiniLM
from spacetime.model.packed import PackedModel, can_be_packed, product_threads
from spacetime.model.precision import fast_paths, multiplies_bfloat16, say_where_bfloat16_is_slow

Precision = Literal["float32", "bfloat16", "auto"]
# Of word pieces in all: below it, laying the weights out anew (about 30 ms) costs more than it saves.
WORTH_PACKING = 2_000
STEP_PIECES = 1_024  # of a packed step: what passes between two layers then stays in a processor's cache
SAMPLE = 16  # sentences on which "auto" tries bfloat16
SAFE_COSINE = 0.9995  # of every one of them to float32


class Rows(NamedTuple):
    """Sentences as the model reads them."""

    pieces: Sequence[Sequence[int]]  # n times a sentence's word pieces
    month_ids: NDArray[np.int64]  # (n,), -1 where missing
    region_ids: NDArray[np.int64]

    def take(self, chosen: NDArray[np.int64]) -> "Rows":
        """Some of the rows, in the order of their numbers here."""
        return Rows([self.pieces[row] for row in chosen], self.month_ids[chosen], self.region_ids[chosen])


def quickest(model: SpaceTimeMiniLM, pad_id: int, sample: Rows, precision: Precision, **weights: float) -> "Embedder":
    """What embeds any number of rows, made ready once; parameters as in `SpaceTimeEncoder.embedder`."""
    quick, pack = multiplies_bfloat16(model.device), _packs(model, sample)
    if precision == "bfloat16":
        say_where_bfloat16_is_slow(model.device)
        pack = pack and quick

    def way(precision: Literal["float32", "bfloat16"]) -> Embedder:
        dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        return Embedder(model, pad_id, precision, weights, PackedModel(model, dtype, **weights) if pack else None)

    if precision != "auto":
        return way(precision)
    if not quick or (model.device.type == "cpu" and not pack):  # a few sentences gain nothing on a processor
        return way("float32")
    # The quick way where it keeps to the exact one on some of the sentences, short and long.
    by_length = np.argsort([len(ids) for ids in sample.pieces], kind="stable")
    some = sample.take(by_length[np.linspace(0, len(by_length) - 1, min(SAMPLE, len(by_length))).astype(int)])
    bfloat16, float32 = way("bfloat16"), way("float32")
    cosines = (bfloat16(some, show_progress=False) * float32(some, show_progress=False)).sum(1)
    return bfloat16 if len(cosines) == 0 or cosines.min() >= SAFE_COSINE else float32


def _packs(model: SpaceTimeMiniLM, sample: Rows) -> bool:
    """Whether such sentences are packed: float32 weights on a processor, without dropout, and something to gain."""
    if model.device.type != "cpu" or model.training or model.dtype != torch.float32:
        return False
    state = fast_paths()
    enough = state == "on" or (state == "auto" and sum(map(len, sample.pieces)) >= WORTH_PACKING)
    return enough and can_be_packed(model)


@dataclass(frozen=True)
class Embedder:
    """Embeds rows of word pieces; made by `quickest`. It computes in `precision`, once `"auto"` has chosen."""

    model: SpaceTimeMiniLM
    pad_id: int
    precision: Literal["float32", "bfloat16"]
    weights: dict[str, float]
    packed: PackedModel | None = None

    @torch.inference_mode()
    def __call__(
        self, rows: Rows, *, batch_size: int = 64, normalize: bool = True, show_progress: bool | None = None
    ) -> NDArray[np.float32]:
        """Embeddings (n, 384) in the order of the rows; parameters as in `SpaceTimeEncoder.encode`."""
        embeddings = np.empty((len(rows.pieces), self.model.config.hidden_size), dtype=np.float32)
        for chosen, embedding in self._steps(rows, batch_size, show_progress):
            embedding = torch.nn.functional.normalize(embedding, dim=-1) if normalize else embedding
            embeddings[chosen] = embedding.float().cpu().numpy()
        return embeddings

    def _steps(
        self, rows: Rows, batch_size: int, show_progress: bool | None
    ) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
        if self.packed is None:
            for chosen, batch in padded_batches(rows, self.pad_id, self.model.device, batch_size, show_progress):
                with autocast(self.model.device, self.precision):
                    yield chosen, self.model(**batch, **self.weights).embedding
            return
        packed, steps = self.packed, packed_steps(rows, self.packed, batch_size)
        threads = torch.get_num_threads()
        if threads == 1 or len(steps) < 4 * threads:  # too few to keep every thread busy to the end
            with product_threads(threads):
                for chosen in shown(steps, show_progress):
                    yield chosen, packed.embed(*rows.take(chosen))
            return
        # A step for each thread is faster than all threads in each small product: they need not wait for each other.
        packed.prepare(rows.month_ids, rows.region_ids)
        pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
        try:
            with product_threads(1):
                embedded = pool.map(lambda chosen: packed.embed(*rows.take(chosen)), steps)
                yield from zip(shown(steps, show_progress), embedded, strict=True)
        finally:
            pool.shutdown(cancel_futures=True)  # a reader that stops early, or Ctrl-C, need not wait for the rest
            torch.set_num_threads(threads)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Compute in bfloat16 where the precision says so."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def padded_batches(
    rows: Rows, pad_id: int, device: torch.device, batch_size: int, show_progress: bool | None
) -> Iterator[tuple[NDArray[np.int64], dict[str, Tensor]]]:
    """Batches of sentences of like length, longest first, each with the rows it belongs to."""
    batch_size = whole_number(batch_size, "batch_size")
    order = np.argsort([-len(ids) for ids in rows.pieces], kind="stable")
    steps = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    for chosen in shown(steps, show_progress):
        some = rows.take(chosen)
        input_ids, attention_mask = pad(some.pieces, pad_id)
        batch = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "month_ids": torch.from_numpy(some.month_ids),
            "region_ids": torch.from_numpy(some.region_ids),
        }
        yield chosen, {name: tensor.to(device) for name, tensor in batch.items()}


def packed_steps(rows: Rows, packed: PackedModel, batch_size: int) -> list[NDArray[np.int64]]:
    """Rows of each step: of one amount of context, longest first, about `STEP_PIECES` word pieces together."""
    batch_size = whole_number(batch_size, "batch_size")
    lengths = np.array([len(ids) for ids in rows.pieces], dtype=np.int64)
    amounts = packed.amounts(rows.month_ids, rows.region_ids)
    steps: list[NDArray[np.int64]] = []
    for amount in np.unique(amounts):
        here = np.flatnonzero(amounts == amount)
        here = here[np.argsort(-lengths[here], kind="stable")]
        start = 0
        while start < len(here):
            most = max(1, min(batch_size, STEP_PIECES // int(lengths[here[start]])))  # those that follow are shorter
            steps.append(here[start : start + most])
            start += most
    return steps


def shown(steps: list[NDArray[np.int64]], show_progress: bool | None) -> Iterator[NDArray[np.int64]]:
    """The steps, with a progress bar over their rows; None shows it for long inputs on a terminal."""
    hidden = not show_progress if show_progress is not None else None if len(steps) > 20 else True
    with tqdm(total=sum(map(len, steps)), desc="encode", unit="row", disable=hidden) as bar:
        for chosen in steps:
            yield chosen
            bar.update(len(chosen))


def known_precision(precision: Any) -> Precision:
    """Return a precision that there is; ValueError for any other."""
    if precision not in get_args(Precision):
        raise ValueError(f"precision must be 'float32', 'bfloat16' or 'auto', not {precision!r}")
    return cast(Precision, precision)


def pad(sequences: Sequence[Sequence[int]], pad_id: int) -> tuple[Tensor, Tensor]:
    """Sequences of word pieces to ids and attention mask, (B, L) each, L the longest of them."""
    length = max(len(ids) for ids in sequences)
    padded = np.full((len(sequences), length), pad_id, dtype=np.int64)
    mask = np.zeros((len(sequences), length), dtype=np.int64)
    for row, ids in enumerate(sequences):
        padded[row, : len(ids)] = ids
        mask[row, : len(ids)] = 1
    return torch.from_numpy(padded), torch.from_numpy(mask)
