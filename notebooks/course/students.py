"""Small plain encoders to train in a lesson or a benchmark, and how much each knows before (lesson 01b)."""

from typing import Literal, get_args

import torch

from spacetime.encoder import SpaceTimeEncoder
from spacetime.model import SpaceTimeConfig, SpaceTimeMiniLM, load_tokenizer, plain_model
from spacetime.model.foreign import BACKBONE_SIZES

Start = Literal["random", "words", "cut", "plain"]


def student(start: Start = "words", *, layers: int = 3, max_length: int = 48, seed: int = 0) -> SpaceTimeEncoder:
    """An encoder of all-MiniLM-L6-v2's width and tokenizer, with fewer layers if asked.

    A base BERT, language model but no sentence encoder, does not come with this package; with one in a folder, start
    from `SpaceTimeEncoder.from_plain("none", weights=folder, sha256=None)` instead.

    Parameters
    ----------
    start
        `"random"`: nothing is known.  `"words"`: the embedding layer (words, positions, its norm) of the trained
        all-MiniLM-L6-v2, every transformer layer random: words are known, how they go together is not.  `"cut"`: the
        first layers of all-MiniLM-L6-v2, whose work the missing ones went on with.  `"plain"`: all six layers, the
        trained encoder itself.
    layers
        Transformer layers, 1 to 6; `"plain"` takes 6 only.
    max_length
        Word pieces at which a text is cut.
    seed
        Of the random weights.

    Raises
    ------
    ValueError
        An unknown start, or layers that it does not have.
    """
    if start not in get_args(Start):
        raise ValueError(f"start must be one of {', '.join(get_args(Start))}, not {start!r}")
    if not 1 <= layers <= 6 or (start == "plain" and layers != 6):
        raise ValueError(f"start {start!r} has {'6' if start == 'plain' else '1 to 6'} layers, not {layers}")
    plain = plain_model(SpaceTimeConfig(conditioning="none", max_length=max_length))
    sizes = {name: getattr(plain.config, name) for name in BACKBONE_SIZES} | {"num_hidden_layers": layers}
    config = SpaceTimeConfig(**{**plain.config.to_dict(), **sizes, "backbone": None})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SpaceTimeMiniLM(config)
    if start != "random":
        kept = ("embeddings.",) if start == "words" else ("embeddings.", "encoder.")
        weights = {name: tensor for name, tensor in plain.bert.state_dict().items() if name.startswith(kept)}
        own = model.bert.state_dict().keys()
        model.bert.load_state_dict({name: tensor for name, tensor in weights.items() if name in own}, strict=False)
    return SpaceTimeEncoder(model, load_tokenizer())
