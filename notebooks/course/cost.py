"""What a training of the plain encoder costs, counted before it is run (lesson 01b)."""

from typing import Protocol

from spacetime.training.loop import TrainingOptions


class Sizes(Protocol):
    """Of a BERT; its configuration has them."""

    num_hidden_layers: int
    hidden_size: int
    intermediate_size: int


def forward_operations(sizes: Sizes, length: int) -> float:
    """Floating-point operations of one pass forward, for one word piece of a text of `length`.

    A product with a weight is two operations, a multiplication and an addition: four square matrices of attention and
    the two of the inner layer; then attention's own two products, of each piece with all others.  Softmax, norms,
    pooling and the loss are left out: a few in a hundred.

    Examples
    --------
    >>> from transformers import BertConfig
    >>> forward_operations(BertConfig(num_hidden_layers=12, hidden_size=384, intermediate_size=1536), 128)
    44826624.0
    """
    size, inner = sizes.hidden_size, sizes.intermediate_size
    weights = 4 * size * size + 2 * size * inner
    return float(sizes.num_hidden_layers * (2 * weights + 4 * length * size))


def most_pieces(options: TrainingOptions, length: int, texts: int = 2) -> int:
    """Word pieces of a whole training, if every text has `length` of them, the most it can have.

    Parameters
    ----------
    options
        With `max_steps`; `spacetime.training.plain.PLAIN` is the card's run.
    length
        Word pieces of a text.
    texts
        Of a row: 2, or 3 where each has a hard negative.

    Raises
    ------
    ValueError
        The options name no number of steps.

    Examples
    --------
    >>> from spacetime.training.plain import PLAIN
    >>> f"{most_pieces(PLAIN, 128):,}"
    '141,557,760,000'
    """
    if options.max_steps is None:
        raise ValueError("the options name no max_steps, so the number of word pieces depends on the data")
    return options.max_steps * options.batch_size * texts * length
