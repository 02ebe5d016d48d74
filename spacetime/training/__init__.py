"""Training: losses in `objectives`, the one loop in `loop`, the two stages in `recipes`."""

from spacetime.training.loop import TrainingOptions, train
from spacetime.training.recipes import JOINT, STAGE1, STAGE2, train_joint, train_stage1, train_stage2

__all__ = ["JOINT", "STAGE1", "STAGE2", "TrainingOptions", "train", "train_joint", "train_stage1", "train_stage2"]
