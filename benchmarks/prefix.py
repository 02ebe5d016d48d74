"""Which form of the gated prefix learns best: the trial behind `PrefixConditioning`.

    python -m benchmarks.prefix CORPUS

Stage 2 with a frozen backbone, 200 steps of 32 pairs at rate 1e-3, from the untrained start, on the same corpus and
split as `benchmarks.foundation`.  For each form: Spearman of unseen pairs' cosines with their labels, their squared
error, and rank agreement of same-context cosines with the plain model's.  The table is written between the marks in
benchmarks/README.md.
"""

import argparse
import math
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.tables import write_between
from spacetime.corpus import load_corpus, split_corpus
from spacetime.encoder import DEFAULT_MONTHS, DEFAULT_REGIONS, SpaceTimeEncoder
from spacetime.evaluation import pair_metrics, rank_agreement
from spacetime.model import modeling
from spacetime.model.modeling import Context, PrefixConditioning, SpaceTimeConfig, ZeroLinear
from spacetime.training import STAGE2, train_stage2
from spacetime.training.pairs import build_pairs


class SlowGates(PrefixConditioning):
    """As released, but a gate is its parameter itself."""

    def __init__(self, config: SpaceTimeConfig) -> None:
        super().__init__(config)
        self.gate.SPEED = 1.0


class SharedSoftmax(PrefixConditioning):
    """One softmax over the two tokens: a missing month would reweight the region, so it can't be released."""

    def after(self, output: Tensor, query: Tensor, context: Context) -> Tensor:
        keys = [self.split_heads(self.key[i](vector)) for i, (vector, _) in enumerate(context.parts())]
        values = [self.split_heads(self.value[i](vector)) for i, (vector, _) in enumerate(context.parts())]
        scores = torch.cat([(query * key).sum(-1, keepdim=True) for key in keys], dim=-1) / math.sqrt(self.head_size)
        gathered = scores.softmax(-1) @ torch.cat(values, dim=2)  # (B, H, L, D)
        return output + (self.gate()[0, :, None, None] * gathered).transpose(1, 2)


class SharedSoftmaxSlowGates(SharedSoftmax, SlowGates):
    """The form of the first trial in this project's notes."""


class ZeroValues(PrefixConditioning):
    """No gate: the projection to values starts at 0 instead."""

    def __init__(self, config: SpaceTimeConfig) -> None:
        super().__init__(config)
        self.value = nn.ModuleList(ZeroLinear(config.hidden_size, config.hidden_size) for _ in range(2))
        self.gate.register_forward_hook(lambda module, inputs, output: torch.ones_like(output))


FORMS: dict[str, type[PrefixConditioning]] = {
    "own softmax each, gates x 30 (released)": PrefixConditioning,
    "own softmax each, gates": SlowGates,
    "one softmax, gates x 30": SharedSoftmax,
    "one softmax, gates": SharedSoftmaxSlowGates,
    "own softmax each, values from 0, no gate": ZeroValues,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    corpus = load_corpus(options.corpus, months=DEFAULT_MONTHS, regions=DEFAULT_REGIONS, outside="skip")
    split = split_corpus(corpus, by="date")
    plain = SpaceTimeEncoder.from_plain("none")
    pairs = build_pairs(split.train, plain, plain.months, plain.regions)
    unseen = build_pairs(split.test, plain, plain.months, plain.regions)
    training = replace(
        STAGE2, new_learning_rate=1e-3, freeze_backbone=True, max_steps=options.steps, checkpoint_every=10**6,
        seed=options.seed,
    )  # fmt: skip
    lines = ["| form | pair Spearman | squared error | meaning kept |", "|---|---|---|---|"]
    for name, form in FORMS.items():
        modeling.CONDITIONING_IN_ATTENTION["prefix"] = form
        encoder = SpaceTimeEncoder.from_plain("prefix", seed=options.seed)
        with tempfile.TemporaryDirectory() as folder:
            train_stage2(pairs, encoder, folder, training)
        found = pair_metrics(encoder, unseen)
        kept = rank_agreement(encoder, plain, split.test, month="2019-07", region="UK")["rank_agreement"]
        lines.append(f"| {name} | {found['pair_spearman']:.3f} | {found['pair_mse']:.4f} | {kept:.3f} |")
        print(lines[-1], flush=True)
    write_between("prefix", lines, f"{options.steps} steps, seed {options.seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
