"""Who belongs to whom: the plain encoder's training question, asked of pairs that it has not seen (lesson 01b)."""

from collections.abc import Sequence

import numpy as np

from spacetime.evaluation.sampling import Encodes, check_texts, encode_checked


def partners_found(
    encoder: Encodes, first: Sequence[str], second: Sequence[str], *, groups: Sequence[object] | None = None
) -> dict[str, float]:
    """How often a text's own partner is the nearest of all partners.

    The chance of a guess is 1 / n, so compare numbers of the same n only.

    Parameters
    ----------
    encoder
        Anything with `encode`.
    first, second
        `second[i]` belongs to `first[i]`; n pairs.
    groups
        What pair i is about: how often is the nearest at least of the own group?

    Returns
    -------
    dict
        `partner_accuracy`, the share of both directions' questions answered rightly (a tie is not), and
        `partner_pairs`, n; with groups `group_accuracy`, where in a tie the first of the nearest counts.

    Raises
    ------
    ValueError
        Fewer than two pairs, lists of different lengths, or an entry that is no text.

    Examples
    --------
    >>> class Letters:
    ...     def encode(self, sentences, batch_size):
    ...         return np.array([[text.count(letter) for letter in "abc"] for text in sentences], dtype=float)
    >>> partners_found(Letters(), ["a", "b"], ["aa", "bc"])
    {'partner_accuracy': 1.0, 'partner_pairs': 2.0}
    """
    if len(first) != len(second) or len(first) < 2:
        raise ValueError(
            f"two or more pairs are needed, as many first as second texts, not {len(first)}, {len(second)}"
        )
    texts = check_texts(list(first), "first texts") + check_texts(list(second), "second texts")
    one, other = np.split(encode_checked(encoder, texts), 2)  # (n, C) each, of length 1
    cosines = one @ other.T
    found: dict[str, float] = {}
    if groups is not None:
        if len(groups) != len(first):
            raise ValueError(f"there are {len(groups)} groups for {len(first)} pairs; give each pair one")
        _, group = np.unique([str(name) for name in groups], return_inverse=True)
        nearest = np.stack((cosines.argmax(axis=1), cosines.argmax(axis=0)))
        found["group_accuracy"] = float((group[nearest] == group).mean())
    own = np.diagonal(cosines).copy()
    np.fill_diagonal(cosines, -np.inf)
    right = np.concatenate((own > cosines.max(axis=1), own > cosines.max(axis=0)))
    return {"partner_accuracy": float(right.mean()), "partner_pairs": float(len(first))} | found
