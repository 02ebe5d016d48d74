"""A small encoder to save, and virtual environments that hold a few packages and not this one."""

import json
import os
import subprocess
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import torch
from packaging.requirements import Requirement
from safetensors.torch import save_file

from spacetime.encoder import SpaceTimeEncoder
from spacetime.model import SpaceTimeConfig, SpaceTimeMiniLM, load_tokenizer
from spacetime.model.foreign import BACKBONE_SIZES
from spacetime.model.modeling import PUBLISHED_MARKS, PUBLISHED_NAMES

TEXTS = ["Rain.", "The clocks go forward tonight, an hour after midnight.", "Shops are shut.", "Rain."]
MONTHS = ["2017-01", None, "2020-03", "2021-12"]
REGIONS = ["UK", "CAN", None, "US"]


def small_encoder(conditioning: str = "prefix", **fields: Any) -> SpaceTimeEncoder:
    """Two layers of 48 numbers, with the real word pieces; every new weight is moved away from its start."""
    sizes: dict[str, Any] = {
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "intermediate_size": 64,
        "conditioning": conditioning,
    }
    torch.manual_seed(0)
    model = SpaceTimeMiniLM(SpaceTimeConfig(**(sizes | fields)))
    for name, weight in model.named_parameters():
        if any(part in name for part in ("conditioning", "late", "locator", "mlm_transform")):
            torch.nn.init.normal_(weight, std=0.2)
    return SpaceTimeEncoder(model, load_tokenizer(), "cpu")


def save_published(model: SpaceTimeMiniLM, folder: Path) -> None:
    """Write a model in the layout of the published Space-Time-MiniLM-v0, with its months and regions beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {}
    for name, tensor in model.state_dict().items():
        for theirs, ours in PUBLISHED_NAMES:
            name = name.replace(ours, theirs)
        state[name] = tensor.contiguous().clone()
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    config = model.config
    shared = ("first_month", "last_month", "regions", *BACKBONE_SIZES)
    numbers = {"num_space": config.num_regions, "num_time": config.num_months}
    written = PUBLISHED_MARKS | numbers | {name: getattr(config, name) for name in shared}
    (folder / "config.json").write_text(json.dumps(written), encoding="utf-8")


def bare_environment(folder: Path, *packages: str) -> Path:
    """A virtual environment with these installed packages and what they require, as links; its interpreter."""
    venv.create(folder, with_pip=False)
    site = next((folder / "lib").glob("python*/site-packages"))
    wanted, seen = list(packages), set()
    while wanted:
        name = wanted.pop().lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            package = distribution(name)
        except PackageNotFoundError:  # of another system or another Python
            continue
        for requirement in map(Requirement, package.requires or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                wanted.append(requirement.name)
        for top in {file.parts[0] for file in package.files or [] if file.parts[0] not in ("..", "__pycache__")}:
            link, real = site / top, Path(str(package.locate_file(top)))
            if not link.exists() and real.exists():
                link.symlink_to(real)
    assert not (site / "spacetime").exists()
    return folder / "bin/python"


def run_there(python: Path, code: str, cwd: Path, **environment: str) -> str:
    """What a program prints that runs in another environment, without network and without this package."""
    kept = {name: os.environ[name] for name in ("PATH", "OMP_NUM_THREADS", "OMP_WAIT_POLICY") if name in os.environ}
    settings = {"HF_HOME": str(cwd / "hf"), "HF_HUB_OFFLINE": "1", "HOME": str(cwd), "TOKENIZERS_PARALLELISM": "false"}
    checked = "import importlib.util; assert importlib.util.find_spec('spacetime') is None\n" + code
    (cwd / "program.py").write_text(checked, encoding="utf-8")
    done = subprocess.run(
        [python, "program.py"], cwd=cwd, env=kept | settings | environment, capture_output=True, text=True, timeout=540
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def on_the_shelf(saved: Path, cache: Path, name: str) -> None:
    """Put a saved folder where huggingface_hub keeps what it has fetched of the hub's `name`."""
    repository = cache / "hub" / f"models--{name.replace('/', '--')}"
    revision = "0" * 40
    (repository / "snapshots").mkdir(parents=True)
    (repository / "snapshots" / revision).symlink_to(saved.resolve(), target_is_directory=True)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text(revision, encoding="utf-8")
