"""Training: losses in `objectives` and `contrastive`, the one loop in `loop`, recipes in `recipes` and `plain`."""

from spacetime.training.loop import TrainingOptions, train
from spacetime.training.plain import PLAIN, train_plain
from spacetime.training.recipes import JOINT, STAGE1, STAGE2, train_joint, train_stage1, train_stage2

__all__ = [
    "JOINT",
    "PLAIN",
    "STAGE1",
    "STAGE2",
    "TrainingOptions",
    "train",
    "train_joint",
    "train_plain",
    "train_stage1",
    "train_stage2",
]
