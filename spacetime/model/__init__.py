"""The model: from configuration to heads in `modeling`, where its first weights come from in `weights`."""

from transformers import AutoConfig, AutoModel

from spacetime.model.modeling import SpaceTimeConfig, SpaceTimeMiniLM, SpaceTimeOutput
from spacetime.model.weights import find_plain_weights, load_tokenizer, plain_model

AutoConfig.register(SpaceTimeConfig.model_type, SpaceTimeConfig, exist_ok=True)
AutoModel.register(SpaceTimeConfig, SpaceTimeMiniLM, exist_ok=True)

__all__ = [
    "SpaceTimeConfig",
    "SpaceTimeMiniLM",
    "SpaceTimeOutput",
    "find_plain_weights",
    "load_tokenizer",
    "plain_model",
]
