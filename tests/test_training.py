"""Promises of `spacetime.training`: it learns, it resumes bit for bit after a kill, it refuses what can't be right."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from spacetime.encoder import SpaceTimeEncoder
from spacetime.training import STAGE1, STAGE2, TrainingOptions, train_stage1, train_stage2
from spacetime.training.loop import (
    checkpoints,
    parameter_groups,
    read_log,
    save_checkpoint,
    warmup_then_decay,
)
from spacetime.training.objectives import cross_entropy
from spacetime.training.pairs import build_pairs

WORDS = "rain snow vote match law bank fire ship film war plane river train court strike storm".split()


def corpus(rows: int = 48) -> datasets.Dataset:
    """Every month and region has its own word, so that there is something to learn."""
    return datasets.Dataset.from_dict(
        {
            "text": [f"The {WORDS[i % 4]} came with the {WORDS[4 + i % 12]} again." for i in range(rows)],
            "month": [f"2019-{1 + i % 12:02d}" for i in range(rows)],
            "region": [["UK", "US", "AUS", "CAN"][i % 4] for i in range(rows)],
        }
    )


def weights(encoder: SpaceTimeEncoder) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in encoder.model.state_dict().items()}


def test_the_recipes_are_the_cards() -> None:
    assert (STAGE1.epochs, STAGE1.batch_size, STAGE1.warmup_share) == (1, 32, 0.1)
    assert (STAGE1.learning_rate, STAGE1.new_learning_rate) == (1e-5, 2e-4)
    assert (STAGE2.learning_rate, STAGE2.new_learning_rate) == (2e-5, 2e-5)
    assert (STAGE1.hide_month, STAGE1.hide_region) == (0, 0)


def test_stage1_learns_words_months_and_regions(tmp_path: Path) -> None:
    encoder = SpaceTimeEncoder.from_plain("prefix")
    options = TrainingOptions(epochs=12, batch_size=16, learning_rate=1e-4, new_learning_rate=2e-3)
    train_stage1(corpus(), encoder, tmp_path, options, validation=corpus(16), show_progress=False)
    steps = [line["losses"] for line in read_log(tmp_path / "log.jsonl") if "losses" in line]
    assert len(steps) == 36
    for part in ("mlm", "month", "region"):
        before, after = np.mean([s[part] for s in steps[:4]]), np.mean([s[part] for s in steps[-4:]])
        assert after < 0.8 * before, part
    evaluation = read_log(tmp_path / "log.jsonl")[-1]["evaluation"]
    assert set(evaluation) == {"validation_mlm", "validation_month", "validation_region"}
    again = SpaceTimeEncoder.load(tmp_path / "model")
    np.testing.assert_allclose(again.encode("Rain.", "2019-03"), encoder.encode("Rain.", "2019-03"), atol=1e-6)
    record = json.loads((tmp_path / "training.json").read_text())
    assert record["stage"] == "stage1" and record["rows"] == 48 and record["options"]["epochs"] == 12


def test_stage2_brings_cosines_to_their_labels_and_leaves_the_heads(tmp_path: Path) -> None:
    encoder = SpaceTimeEncoder.from_plain("late")
    before = weights(encoder)
    pairs = build_pairs(corpus(), SpaceTimeEncoder.from_plain("none"), encoder.months, encoder.regions)
    options = replace(STAGE2, epochs=8, batch_size=16, new_learning_rate=3e-4, freeze_backbone=True)
    result = train_stage2(pairs, encoder, tmp_path, options, validation=pairs, show_progress=False)
    steps = [line["losses"]["mse"] for line in read_log(tmp_path / "log.jsonl") if "losses" in line]
    assert np.mean(steps[-3:]) < np.mean(steps[:3]) / 2, steps
    assert result.evaluation["validation_pair_spearman"] > 0.8
    after = weights(encoder)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved and all(name.startswith(("late", "space_embed")) for name in moved), "only what is new was trained"


def test_the_backbone_and_what_is_new_have_rates_of_their_own() -> None:
    model = SpaceTimeEncoder.from_plain("multiplicative").model
    backbone, new = parameter_groups(model, STAGE1)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert (backbone["lr"], new["lr"]) == (1e-5, 2e-4)
    assert "bert.embeddings.word_embeddings.weight" in {names[id(p)] for p in backbone["params"]}
    assert {names[id(p)].split(".")[0] for p in new["params"]} == {
        "bert", "space_embed", "mlm_head", "time_head", "space_head",
    }  # fmt: skip
    assert all(".conditioning." in names[id(p)] for p in new["params"] if names[id(p)].startswith("bert"))
    number = sum(len(group["params"]) for group in (backbone, new))
    assert number == len(list(model.parameters())), "nothing is left out, nothing twice"


def test_rates_rise_over_the_warm_up_and_fall_to_zero() -> None:
    factors = [warmup_then_decay(step, 100, 0.1) for step in range(100)]
    assert factors[0] > 0 and int(np.argmax(factors)) == 10 and factors[10] == 1
    assert (np.diff(factors[:10]) > 0).all() and (np.diff(factors[10:]) < 0).all() and factors[-1] < 0.02


def test_cross_entropy_leaves_rows_without_a_label_out() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    only_first = cross_entropy(logits, torch.tensor([0, -100]))
    assert only_first.item() == pytest.approx(torch.nn.functional.cross_entropy(logits[:1], torch.tensor([0])).item())
    assert cross_entropy(logits, torch.tensor([-100, -100])).item() == 0


# ------------------------------------------------------------------------------------------- kill and resume

RUN = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_training import corpus
from spacetime.encoder import SpaceTimeEncoder
from spacetime.training import STAGE1, train_stage1
options = replace(STAGE1, batch_size=4, max_steps=18, checkpoint_every=4, hide_month=0.3, dropout=0.1, seed=7)
encoder = SpaceTimeEncoder.from_plain("multiplicative")
train_stage1(corpus(), encoder, sys.argv[1], options, resume=True, show_progress=False)
"""


def start(output: Path) -> subprocess.Popen[str]:
    code = RUN.format(tests=str(Path(__file__).parent))
    return subprocess.Popen([sys.executable, "-c", code, str(output)], text=True, stderr=subprocess.PIPE)


def finish(run: subprocess.Popen[str]) -> None:
    _, errors = run.communicate(timeout=300)
    assert run.returncode == 0, errors


def test_a_killed_training_resumes_to_the_same_weights_bit_for_bit(tmp_path: Path) -> None:
    """SIGKILL at a random step, dropout and context dropout on: the random states must come back, too."""
    finish(start(tmp_path / "whole"))
    kill_at = random.SystemRandom().randint(5, 16)
    run = start(tmp_path / "killed")
    deadline = time.monotonic() + 300
    while len(read_log(tmp_path / "killed" / "log.jsonl")) < kill_at and time.monotonic() < deadline:
        assert run.poll() is None, run.stderr and run.stderr.read()
        time.sleep(0.02)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    assert not (tmp_path / "killed" / "model").exists(), f"killed at step {kill_at} too late to prove anything"
    finish(start(tmp_path / "killed"))

    whole, killed = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("whole", "killed"))
    assert whole.keys() == killed.keys()
    different = [name for name in whole if not torch.equal(whole[name], killed[name])]
    assert not different, f"killed at step {kill_at}: {different[:3]}"
    steps = [line["step"] for line in read_log(tmp_path / "killed" / "log.jsonl")]
    assert steps == list(range(1, 19)), "every step is logged once"


# ------------------------------------------------------------------------------------------------- refusals


@pytest.fixture
def small(tmp_path: Path) -> tuple[SpaceTimeEncoder, TrainingOptions, Path]:
    """A training of one step with its checkpoint."""
    encoder = SpaceTimeEncoder.from_plain("late")
    options = replace(STAGE1, batch_size=4, max_steps=1)
    train_stage1(corpus(8), encoder, tmp_path, options, show_progress=False)
    return encoder, options, tmp_path


def test_a_finished_training_is_not_overwritten_by_accident(small: Any) -> None:
    encoder, options, output = small
    with pytest.raises(ValueError, match="already holds a training; resume it"):
        train_stage1(corpus(8), encoder, output, options, show_progress=False)
    train_stage1(corpus(8), encoder, output, options, overwrite=True, show_progress=False)
    assert len(read_log(output / "log.jsonl")) == 1


def test_a_checkpoint_with_other_options_is_refused(small: Any) -> None:
    encoder, options, output = small
    with pytest.raises(ValueError, match="was trained with seed=0, not 5"):
        train_stage1(corpus(8), encoder, output, replace(options, seed=5), resume=True, show_progress=False)


def test_a_checkpoint_of_another_size_is_refused(small: Any) -> None:
    _, options, output = small
    other = SpaceTimeEncoder.from_plain("late", regions=type(small[0].regions)(["UK", "US"]))
    with pytest.raises(ValueError, match="belongs to another model: space_embed.weight is .4, 384. there, .2, 384."):
        train_stage1(corpus(8).select([0, 1]), other, output, options, resume=True, show_progress=False)


def test_a_broken_checkpoint_is_named(small: Any) -> None:
    encoder, options, output = small
    (checkpoints(output)[-1] / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ValueError, match="checkpoint-1 is not a whole checkpoint"):
        train_stage1(corpus(8), encoder, output, options, resume=True, show_progress=False)


def test_only_complete_and_newest_checkpoints_stay(small: Any) -> None:
    encoder, options, output = small
    optimizer = torch.optim.AdamW(encoder.model.time_head.parameters())
    (output / "checkpoint-9.part").mkdir()
    for step in (2, 10, 11):
        save_checkpoint(output, step, encoder.model, optimizer, options)
    assert [path.name for path in checkpoints(output)] == ["checkpoint-10", "checkpoint-11"]
    files = {path.suffix for path in (output / "checkpoint-11").iterdir()}
    assert files == {".safetensors", ".json"}, "no pickle"


def test_a_second_training_of_the_same_model_keeps_the_precision(small: Any) -> None:
    encoder, options, output = small
    seen = []
    hook = encoder.model.bert.encoder.layer[0].output.dense.register_forward_hook(
        lambda _module, _inputs, result: seen.append(result.dtype)
    )
    for _ in range(2):
        again = replace(options, precision="bfloat16")
        train_stage1(corpus(8), encoder, output, again, overwrite=True, show_progress=False)
    hook.remove()
    assert set(seen) == {torch.bfloat16}


def test_a_loss_that_is_not_finite_stops_the_training(tmp_path: Path) -> None:
    encoder = SpaceTimeEncoder.from_plain("late")
    with torch.no_grad():
        encoder.model.time_head.bias.fill_(float("nan"))
    with pytest.raises(ValueError, match="the loss at step 1 is nan"):
        train_stage1(corpus(8), encoder, tmp_path, replace(STAGE1, max_steps=2), show_progress=False)


def test_nothing_to_train_is_said(tmp_path: Path) -> None:
    encoder = SpaceTimeEncoder.from_plain("none", region_encoding="tokenized")
    pairs = build_pairs(corpus(8), encoder, encoder.months, encoder.regions)
    encoder.model.space_embed.requires_grad_(False)
    with pytest.raises(ValueError, match="nothing to train"):
        train_stage2(pairs, encoder, tmp_path, replace(STAGE2, freeze_backbone=True), show_progress=False)


def test_frozen_words_stay_and_the_rest_of_the_backbone_moves(tmp_path: Path) -> None:
    encoder = SpaceTimeEncoder.from_plain("prefix")
    before = {name: weight.detach().clone() for name, weight in encoder.model.named_parameters()}
    options = replace(STAGE1, batch_size=4, max_steps=2, learning_rate=1e-3, freeze_words=True)
    train_stage1(corpus(8), encoder, tmp_path, options, show_progress=False)
    same = {name for name, weight in encoder.model.named_parameters() if torch.equal(weight, before[name])}
    assert {name for name in same if name.startswith("bert.")} == {"bert.embeddings.word_embeddings.weight"}


def test_tensorboard_files_are_written_when_asked_for(tmp_path: Path) -> None:
    encoder = SpaceTimeEncoder.from_plain("late")
    options = replace(STAGE1, batch_size=4, max_steps=1, tensorboard=True)
    train_stage1(corpus(8), encoder, tmp_path, options, show_progress=False)
    assert list((tmp_path / "tensorboard").glob("events.*"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1, not 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"learning_rate": float("nan")}, "learning_rate must be a number, not nan"),
        ({"hide_month": 1.2}, "hide_month must lie between 0 and 1"),
        ({"precision": "fp8"}, "precision must be one of 'auto', 'float32', 'bfloat16', not 'fp8'"),
    ],
)
def test_bad_options_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainingOptions(**changes)
