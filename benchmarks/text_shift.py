"""Does what a context does to a vector depend on the text?"""

from typing import Any

import datasets
import numpy as np

from spacetime.evaluation.sampling import ContextEncoder, Floats, TooFewLabels, draw_sample


def text_dependent_shift(
    encoder: ContextEncoder,
    dataset: datasets.Dataset,
    *,
    max_sentences: int = 100,
    contexts: int = 12,
    seed: int = 0,
    batch_size: int = 64,
) -> dict[str, float]:
    """How much of what a context does to a vector depends on the text?

    Each of n texts x is given in each of k contexts c (months with regions): s(x, c) = e(x | c) - e(x), vectors as
    the encoder gives them, neither scaled nor projected. A two-way analysis of variance with one vector a cell, sums
    of squares added over the dimensions, divides the squared distances of s from its mean exactly into three:

        total = context (the mean shift of each context) + text (of each text) + interaction (the rest).

    The *text-dependent share* is (text + interaction) / total: what "mean + context" leaves unexplained. The
    interaction alone is what no sum of a text's and a context's effect can give.

    Parameters
    ----------
    dataset : datasets.Dataset
        Columns text, month, region. Texts are drawn from all of it, contexts among its own months with regions,
        each with `seed`; texts are put into contexts where they may be false, which is the point.

    Returns
    -------
    dict
        ``shift_text_dependent``, ``shift_interaction``, ``shift_context`` (shares of the total; all 0 if context
        changes nothing), ``shift_length`` (root mean square of |s|), ``shift_texts``, ``shift_contexts``.

        All of it is context for vectors to which month and region are only added. **Scaling to unit length alone
        makes a shift depend on the text**: normalised late fusion and concatenation have a share well above 0 (for
        concatenation all of it is text, none interaction). So compare with theirs, not with 0.

    Raises
    ------
    TooFewLabels (a ValueError)
        If the data hold fewer than two contexts.
    ValueError
        If they hold fewer than two different texts.
    """
    everything = draw_sample(dataset, seed=seed)
    random = np.random.default_rng(seed)
    texts, cells = sorted(set(everything.texts)), sorted(set(zip(everything.months, everything.regions, strict=True)))  # type: ignore[type-var]
    if len(cells) < 2 or contexts < 2:
        raise TooFewLabels(f"a shift needs at least 2 contexts; the data hold {len(cells)}, and contexts is {contexts}")
    if len(texts) < 2 or max_sentences < 2:
        raise ValueError(
            f"a shift needs at least 2 texts; the data hold {len(texts)}, and max_sentences is {max_sentences}"
        )
    texts = [texts[i] for i in random.permutation(len(texts))[:max_sentences]]
    cells = [cells[i] for i in random.permutation(len(cells))[:contexts]]
    alone = _raw(encoder, texts, None, None, batch_size)  # (n, width)
    shift = np.stack(
        [
            _raw(encoder, texts, [month] * len(texts), [region] * len(texts), batch_size) - alone
            for month, region in cells
        ]
    )  # (k, n, width)
    mean = shift.mean(axis=(0, 1))
    of_context, of_text = shift.mean(axis=1) - mean, shift.mean(axis=0) - mean  # (k, width), (n, width)
    total = float(((shift - mean) ** 2).sum())
    context = len(texts) * float((of_context**2).sum())
    text = len(cells) * float((of_text**2).sum())
    # Float32 noise about a vector that context does not move is no shift.
    moved = total > 1e-10 * shift[..., 0].size
    return {
        "shift_text_dependent": 1 - context / total if moved else 0.0,
        "shift_interaction": 1 - (context + text) / total if moved else 0.0,
        "shift_context": context / total if moved else 0.0,
        "shift_length": float(np.sqrt((shift**2).sum(axis=-1).mean())),
        "shift_texts": float(len(texts)),
        "shift_contexts": float(len(cells)),
    }


def _raw(encoder: ContextEncoder, texts: list[str], months: Any, regions: Any, batch_size: int) -> Floats:
    """Vectors as the encoder gives them, not scaled to unit length."""
    vectors = np.asarray(encoder.encode(texts, months, regions, batch_size=batch_size), dtype=np.float64)
    if not np.isfinite(vectors).all():
        raise ValueError("the encoder gave NaN or infinite vectors; did its training diverge?")
    return vectors
