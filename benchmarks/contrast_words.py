"""The contrast questions of `course.contrast`, answered by the masked-word head."""

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
import pandas as pd
import torch

from course.contrast import ContrastAnswers, answered
from spacetime.encoder import SpaceTimeEncoder
from spacetime.evaluation.sampling import Floats
from spacetime.model.embedding import pad

TIE_NATS = 1e-4
"""Log-likelihoods that differ by less are equal: sums of some twenty float32 numbers of a few nats each."""


def contrast_by_masked_words(
    encoder: SpaceTimeEncoder, questions: pd.DataFrame, *, resamples: int = 1000, seed: int = 0, batch_size: int = 128
) -> ContrastAnswers:
    """Answer by masked-LM: are the words likelier under the right month than under the wrong one, region given?

    The sentence's pseudo-log-likelihood (Salazar et al. 2020, "Masked Language Model Scoring") is the sum over its
    word pieces of the log probability of each one, it alone being masked. Needs a masked-LM head that was trained
    (stage 1): an untrained one answers at random. Differences below `TIE_NATS` are ties.

    Parameters
    ----------
    questions
        From `course.contrast.contrast_questions`.
    batch_size
        Masked sentences a step. Runs in bfloat16 where `encoder.precision` says so.
    """
    return answered(
        questions,
        lambda texts, months, regions: pseudo_log_likelihood(encoder, texts, months, regions, batch_size=batch_size),
        TIE_NATS,
        "contrast_words",
        resamples,
        seed,
    )


@torch.inference_mode()
def pseudo_log_likelihood(
    encoder: SpaceTimeEncoder,
    texts: Sequence[str],
    months: Sequence[str | None],
    regions: Sequence[str | None],
    *,
    batch_size: int = 128,
) -> Floats:
    """Sum, over a text's word pieces, of the log probability of each one when it alone is masked, in nats, (n,)."""
    pieces = encoder.word_pieces(texts)
    month_ids, region_ids = encoder.months.ids(list(months)), encoder.regions.ids(list(regions))
    # One row for each word piece between [CLS] and [SEP]; of like length, so that little is padded.
    masked = [(row, place) for row, ids in enumerate(pieces) for place in range(1, len(ids) - 1)]
    masked.sort(key=lambda item: -len(pieces[item[0]]))
    total = np.zeros(len(pieces))
    half = getattr(encoder, "precision", "float32") == "bfloat16"
    for start in range(0, len(masked), batch_size):
        rows, places = (np.array(part) for part in zip(*masked[start : start + batch_size], strict=True))
        input_ids, attention_mask = pad([pieces[row] for row in rows], encoder.tokenizer.pad_token_id)
        positions = torch.zeros(input_ids.shape, dtype=torch.bool)
        positions[torch.arange(len(rows)), torch.from_numpy(places)] = True
        words = input_ids[positions]  # (batch,): one a row
        batch = {
            "input_ids": input_ids.masked_fill(positions, encoder.tokenizer.mask_token_id),
            "attention_mask": attention_mask,
            "month_ids": torch.from_numpy(month_ids[rows]),
            "region_ids": torch.from_numpy(region_ids[rows]),
            "masked_positions": positions,
        }
        with torch.autocast(encoder.device.type, torch.bfloat16) if half else nullcontext():
            output = encoder.model(**{name: tensor.to(encoder.device) for name, tensor in batch.items()})
        log_probability = output.mlm_logits.float().log_softmax(-1).cpu()
        np.add.at(total, rows, log_probability[torch.arange(len(rows)), words].double().numpy())
    if not np.isfinite(total).all():
        raise ValueError("the encoder gave NaN or infinite word probabilities; did its training diverge?")
    return total
