"""A trained model as a small change of public weights: what the released model is shipped as.

A folder holds `config.json`, with the name and SHA-256 of the weights it changes, and `delta.safetensors` in float16.
Tokenizer and backbone are the public ones: a weight of the backbone that was trained is stored as its difference, one
that was frozen not at all, everything new as it is.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from spacetime.model.foreign import check_sizes, load_weights, read_json, space_time_config, weight_shapes
from spacetime.model.modeling import SpaceTimeMiniLM
from spacetime.model.weights import PLAIN_HUB_NAME, PLAIN_SHA256, WEIGHTS_FILE, find_plain_weights, plain_model

DELTA_FILE = "delta.safetensors"


def save_delta(model: SpaceTimeMiniLM, folder: str | Path, *, leave_out: tuple[str, ...] = ()) -> Path:
    """Write a model that started from all-MiniLM-L6-v2 as its difference to it.

    Parameters
    ----------
    model
        With the public backbone's sizes.
    folder
        Made if it is not there.
    leave_out
        Beginnings of the names of weights that need not be kept, such as heads that were not trained; they start anew
        when the delta is loaded.

    Returns
    -------
    Path
        Of `delta.safetensors`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    plain = load_file(find_plain_weights() / WEIGHTS_FILE)
    started = dict(SpaceTimeMiniLM(model.config).named_buffers())  # tables that the configuration gives anyway
    tied = model.all_tied_weights_keys
    delta = {}
    for name, tensor in model.state_dict().items():
        if name in tied or name.startswith(leave_out):
            continue
        public = plain.get(name.removeprefix("bert.")) if name.startswith("bert.") else None
        if public is not None:
            difference = tensor.float() - public.float()
            if difference.any():
                delta[name] = difference
        elif name not in started or not torch.equal(started[name], tensor):
            delta[name] = tensor
    for name, tensor in delta.items():
        if not torch.isfinite(tensor.half()).all():
            raise ValueError(f"{name} holds a number that float16 cannot; was its training stable?")
    save_file({name: tensor.half().contiguous() for name, tensor in delta.items()}, folder / DELTA_FILE)
    (folder / DELTA_FILE).chmod(0o644)  # safetensors leaves it to its owner alone; it is to be shipped
    config = model.config.to_dict()
    config.pop("_name_or_path", None)  # a folder of the machine that trained it
    config.pop("auto_map", None)  # names a file that whole models carry
    config["changes"] = {"name": PLAIN_HUB_NAME, "sha256": PLAIN_SHA256}
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return folder / DELTA_FILE


def load_delta(folder: str | Path, weights: str | Path | None = None) -> SpaceTimeMiniLM:
    """The model that `save_delta` wrote, on the public weights.

    Parameters
    ----------
    folder
        With `config.json` and `delta.safetensors`.
    weights
        Folder with the weights of all-MiniLM-L6-v2; None looks for them (see `find_plain_weights`).

    Raises
    ------
    FileNotFoundError
        A file is missing.
    ValueError
        The delta is not one of these weights, or does not fit its configuration.
    """
    folder = Path(folder)
    for file in ("config.json", DELTA_FILE):
        if not (folder / file).is_file():
            raise FileNotFoundError(f"no {file} in {folder}; a model's delta holds config.json and {DELTA_FILE}")
    found = read_json(folder / "config.json")
    changes = found.get("changes")
    if not isinstance(changes, dict) or changes.get("sha256") != PLAIN_SHA256:
        raise ValueError(
            f"{folder} changes {changes or 'unnamed weights'}, not {PLAIN_HUB_NAME} as this package has it"
        )
    config = space_time_config(found, folder, architectures=None, dtype=None)
    public = weight_shapes(find_plain_weights(weights) / WEIGHTS_FILE)
    shapes = {f"bert.{name}": shape for name, shape in public.items()} | weight_shapes(folder / DELTA_FILE)
    check_sizes(config, shapes, folder, may_lack=("time_head.weight", "space_head.weight"))
    model = plain_model(config, weights)
    state = model.state_dict()
    for name, change in load_weights(folder / DELTA_FILE).items():
        if name not in state or state[name].shape != change.shape:
            raise ValueError(f"{folder / DELTA_FILE} does not fit its config.json: {name}, {tuple(change.shape)}")
        added = name.startswith("bert.") and ".conditioning." not in name
        with torch.no_grad():
            state[name].copy_(state[name] + change.float() if added else change.float())
    return model.eval()
