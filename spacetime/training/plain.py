"""The plain sentence encoder's recipe: in-batch negatives on a mixture of pair data sets (all-MiniLM-L12-v1 card).

`PLAIN` is the card's whole run. Said there: mean pooling, 128 word pieces, batches of 1,024, AdamW at 2e-5, a
warm-up of 500 steps, 540,000 steps. Not said there: the scale of the cosines, one way or both, dropout, weight decay
and clipping. Dropout is BERT's own .1; for the others see `ContrastiveLoss` and `TrainingOptions`.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Unpack

from spacetime.encoder import SpaceTimeEncoder
from spacetime.folders import sole_writer_of_output, write_text
from spacetime.inputs import as_annotated
from spacetime.training.contrastive import ContrastiveLoss
from spacetime.training.loop import Evaluate, Run, TrainingOptions, TrainingResult, planned_steps
from spacetime.training.mixture import DrawReport, Mixture, MixtureBatches, MixtureRecipe, Source
from spacetime.training.processes import first_of_processes
from spacetime.training.recipes import HEADS, train_and_save

PLAIN = TrainingOptions(
    batch_size=1024,
    learning_rate=2e-5,
    new_learning_rate=2e-5,  # nothing is new: the plain encoder is its backbone
    warmup_steps=500,
    max_steps=540_000,
    dropout=0.1,
    checkpoint_every=1000,
)
PLAIN_LOSS = ContrastiveLoss(chunk=64)
NO_PART = (*HEADS, "space_embed.", "locator.", "bert.pooler.")  # in a plain embedding
DRAWN_FILE = "drawn.json"


@as_annotated
@sole_writer_of_output
def train_plain(
    sources: Sequence[Source],
    encoder: SpaceTimeEncoder,
    output: str | Path,
    options: TrainingOptions = PLAIN,
    *,
    loss: ContrastiveLoss = PLAIN_LOSS,
    recipe: MixtureRecipe | None = None,
    evaluate: Evaluate | None = None,
    **run: Unpack[Run],
) -> tuple[TrainingResult, DrawReport]:
    """Train a plain sentence encoder (lesson 01b).

    Parameters
    ----------
    sources
        The data sets, as `spacetime.training.mixture.read_data_config` gives them.
    encoder
        Trained in place; `SpaceTimeEncoder.from_plain("none", weights=BASE_BERT, sha256=None)` to start.
    output
        Folder for the log, the checkpoints, `model/` (an encoder to load, and weights for `from_plain`),
        `training.json` (with what was to be drawn) and `drawn.json` (what was).
    options, loss, recipe
        How it is trained, what is asked of a batch, and how its rows are drawn.
    evaluate, **run
        See `spacetime.training.loop.train` and `Run` there.
    """
    if encoder.model.config.conditioning != "none":
        raise ValueError(
            f"the plain recipe has no months and regions to train conditioning={encoder.model.config.conditioning!r} "
            "with; start from a plain encoder"
        )
    if not sources or not all(isinstance(source, Source) for source in sources):
        raise ValueError("sources must be one Source or more, as read_data_config gives them")
    recipe, output = recipe or MixtureRecipe(), Path(output)
    mixture = Mixture(sources, options.batch_size, seed=options.seed, **asdict(recipe))
    facts = {
        "loss": asdict(loss),
        "recipe": asdict(recipe),
        "max_length": encoder.model.config.max_length,
        "data_sets": [{"name": source.name, "lines": source.lines, "weight": source.weight} for source in sources],
    }
    batches = MixtureBatches(mixture, encoder)
    rows = options.batch_size * planned_steps(options, batches)
    result = train_and_save(
        "plain", encoder, batches, loss, options, output, rows, evaluate, facts=facts, idle=NO_PART, **run
    )
    drawn = mixture.report(result.steps)
    if first_of_processes():
        write_text(output / DRAWN_FILE, json.dumps(asdict(drawn), indent=2) + "\n")
    return result, drawn
