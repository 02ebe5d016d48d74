"""Writing the layout of the published Space-Time-MiniLM-v0.

`SpaceTimeMiniLM.from_published` reads it.  Both are exact: no number changes on the way there and back.
"""

import json
from pathlib import Path

from safetensors.torch import save_file

from spacetime.model.foreign import BACKBONE_SIZES
from spacetime.model.modeling import PUBLISHED_CONFIG, PUBLISHED_MARKS, PUBLISHED_NAMES, SpaceTimeMiniLM
from spacetime.model.weights import WEIGHTS_FILE


def published_name(ours: str) -> str:
    """A weight's published name, from its name in `SpaceTimeMiniLM`."""
    for theirs, here in PUBLISHED_NAMES:
        ours = ours.replace(here, theirs)
    return ours


def save_published(model: SpaceTimeMiniLM, folder: str | Path) -> Path:
    """Write a model of the published design in the published layout.

    Beside the published fields, `config.json` gets `first_month`, `last_month` and `regions`, which the published
    code had fixed; BERT's own classes ignore them.

    Parameters
    ----------
    model
        Multiplicative conditioning, learned vectors of regions, a sinusoid, and nothing that the layout has no place
        for.  Tied weights of the masked-LM head are written out, and read back untied.
    folder
        Made if it is not there.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ValueError
        The layout cannot hold this model; the message names the field of its configuration.
    """
    config = model.config
    allowed: dict[str, tuple[object, ...]] = {
        "conditioning": ("multiplicative",),
        "region_encoding": ("tokenized",),
        "time_encoding": ("sinusoidal_published", "sinusoidal", "sinusoidal_calendar"),  # the table is in the file
        "normalize": (PUBLISHED_CONFIG["normalize"],),
        "context_rank": (0,),
        "locator_rank": (0,),
        "mlm_transform": (False,),
    }
    for name, values in allowed.items():
        if (value := getattr(config, name)) not in values:
            raise ValueError(
                f"the published layout cannot hold {name}={value!r}, only {' or '.join(map(repr, values))}"
            )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = {published_name(name): tensor.contiguous().clone() for name, tensor in model.state_dict().items()}
    save_file(state, folder / WEIGHTS_FILE, metadata={"format": "pt"})
    written: dict[str, object] = {
        **PUBLISHED_MARKS,
        "num_space": config.num_regions,
        "num_time": config.num_months,
        "first_month": config.first_month,
        "last_month": config.last_month,
        "regions": list(config.regions),
    }
    written |= {name: getattr(config, name) for name in (*BACKBONE_SIZES, *_ALSO)}
    (folder / "config.json").write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    return folder


_ALSO = ("hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_range")
