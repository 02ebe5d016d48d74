"""The model: from configuration to heads in `modeling`, where its first weights come from in `weights`."""

from spacetime.model.modeling import SpaceTimeConfig, SpaceTimeMiniLM, SpaceTimeOutput
from spacetime.model.weights import find_plain_weights, load_tokenizer, plain_model

__all__ = [
    "SpaceTimeConfig",
    "SpaceTimeMiniLM",
    "SpaceTimeOutput",
    "find_plain_weights",
    "load_tokenizer",
    "plain_model",
]
