"""Promises of training in several processes: two take the steps that one would take; the first one alone writes.

Started by torchrun, this file is one of those processes: see `work`.
"""

import contextlib
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import datasets
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from spacetime.encoder import SpaceTimeEncoder
from spacetime.model import SpaceTimeConfig, SpaceTimeMiniLM, load_tokenizer
from spacetime.training import PLAIN, STAGE1, STAGE2, TrainingOptions, train_plain, train_stage1, train_stage2
from spacetime.training.batches import PairBatches, TripleBatches
from spacetime.training.contrastive import ContrastiveLoss
from spacetime.training.joint import JointBatches
from spacetime.training.loop import check_shares, checkpoints, read_log, step_seed
from spacetime.training.mixture import read_data_config
from spacetime.training.objectives import Objective, stage1_loss, stage2_loss
from spacetime.training.pairs import build_pairs

WORDS = "rain snow vote match law bank fire ship film war plane river train court strike storm".split()
RATES = {"learning_rate": 1e-3, "new_learning_rate": 1e-3}
SHORT: dict[str, Any] = {"precision": "float32", "checkpoint_every": 2, **RATES}
RUNS: dict[str, TrainingOptions] = {  # 21 rows: the last batch has one, and the second process none of it
    "stage1": replace(STAGE1, batch_size=5, hide_month=0.3, **SHORT),
    "stage2": replace(STAGE2, batch_size=5, **SHORT),
    "plain": replace(PLAIN, batch_size=7, max_steps=4, warmup_steps=1, dropout=0.0, **SHORT),
}


def corpus(rows: int = 21) -> datasets.Dataset:
    """Sentences of three to seven words; some months and regions are missing, so that labels and rows differ."""
    return datasets.Dataset.from_dict(
        {
            "text": [" ".join(WORDS[(i * step) % 16] for step in range(1, 4 + i % 5)) for i in range(rows)],
            "month": [None if i % 4 == 1 else f"2019-{1 + i % 12:02d}" for i in range(rows)],
            "region": [None if i % 7 == 2 else ["UK", "US", "AUS", "CAN"][i % 4] for i in range(rows)],
        }
    )


def tiny(conditioning: Literal["multiplicative", "none"] = "multiplicative") -> SpaceTimeEncoder:
    """A random model of two narrow layers, far from embedding all texts alike."""
    torch.manual_seed(0)
    config = SpaceTimeConfig(
        conditioning=conditioning,
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_length=16,
    )
    model = SpaceTimeMiniLM(config)
    for name, weight in model.named_parameters():
        if "LayerNorm" not in name:
            nn.init.normal_(weight, std=0.2)
    return SpaceTimeEncoder(model, load_tokenizer(), device="cpu")


def pairs() -> datasets.Dataset:
    plain = tiny("none")
    return build_pairs(corpus(), plain, plain.months, plain.regions, count=21)


def mixture(folder: Path) -> Path:
    """Rows with and without a hard negative, some texts twice."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = corpus(30)["text"][:]
    rows = [[texts[i], texts[(i + 7) % 30], *([texts[(i + 3) % 30]] if i % 3 == 0 else [])] for i in range(30)]
    with gzip.open(folder / "rows.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)
    config = folder / "data_config.json"
    config.write_text(json.dumps([{"name": "rows.jsonl.gz", "lines": 30, "weight": 1}]))
    return config


def train(what: str, folder: Path, resume: bool = False) -> SpaceTimeEncoder:
    """One of the recipes on a tiny model, into `folder/what`."""
    encoder, settings = tiny("none" if what == "plain" else "multiplicative"), dict[str, Any](resume=resume)
    if what == "stage1":
        train_stage1(corpus(), encoder, folder / what, RUNS[what], validation=corpus(6), **settings)
    elif what == "stage2":
        train_stage2(pairs(), encoder, folder / what, RUNS[what], validation=pairs(), **settings)
    else:
        if not (folder / "data").exists():
            mixture(folder / "data")
        sources = read_data_config(folder / "data/data_config.json")
        loss = ContrastiveLoss(symmetric=True, chunk=5)
        train_plain(sources, encoder, folder / what, RUNS[what], loss=loss, **settings)
    return encoder


# ------------------------------------------------------------------------------------- shares of a batch


def whole_and_shared(
    batches: TripleBatches | PairBatches, step: int, processes: int, objective: Objective, encoder: SpaceTimeEncoder
) -> tuple[list[float], list[dict[str, Tensor]]]:
    """Loss and gradient of a whole batch, and the means over what several processes would find."""
    shares = [batches.share(step, process, processes) for process in range(processes)]
    losses, gradients = [], []
    for group in ([batches[step]], shares):
        encoder.model.zero_grad()
        loss = torch.stack([objective(encoder.model, batch)[0] for batch in group]).mean()
        loss.backward()
        losses.append(float(loss.detach()))
        found = encoder.model.named_parameters()
        gradients.append({name: weight.grad.clone() for name, weight in found if weight.grad is not None})
    return losses, gradients


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("stage", ["stage1", "stage2"])
def test_the_mean_of_the_shares_losses_is_the_batchs_loss(stage: str, processes: int) -> None:
    """For every batch of an epoch, the last one too, which has fewer rows than there are processes."""
    encoder = tiny()
    batches: TripleBatches | PairBatches
    if stage == "stage1":
        batches, objective = TripleBatches(corpus(), encoder, batch_size=5, hide_month=0.3), stage1_loss
    else:
        batches, objective = PairBatches(pairs(), encoder, batch_size=5), stage2_loss
    smallest = min(len(batches[step]["input_ids"]) for step in range(len(batches)))
    assert smallest == (1 if stage == "stage1" else 2), "one sentence, or the two of one pair"
    for step in range(len(batches)):
        losses, (whole, shared) = whole_and_shared(batches, step, processes, objective, encoder)
        assert losses[1] == pytest.approx(losses[0], rel=1e-6)
        assert whole.keys() == shared.keys() and len(whole) > 20
        scale = max(float(gradient.abs().max()) for gradient in whole.values())
        for name in whole:  # float32: sums of the same numbers in another order
            assert float((whole[name] - shared[name]).abs().max()) < 1e-5 * scale, name


def test_shares_are_the_batch_and_no_wider_than_their_longest_text() -> None:
    encoder = tiny()
    batches = TripleBatches(corpus(), encoder, batch_size=8)
    shares = [batches.share(0, process, 2) for process in (0, 1)]
    texts = [encoder.tokenizer.batch_decode(share["input_ids"], skip_special_tokens=True) for share in shares]
    whole = encoder.tokenizer.batch_decode(batches[0]["input_ids"], skip_special_tokens=True)
    assert texts == [whole[0::2], whole[1::2]]
    for share in shares:
        assert share["input_ids"].shape[1] == share["attention_mask"].sum(1).max()
        assert len(share["mlm_labels"]) == share["masked_positions"].sum()


def test_batches_that_are_asked_for_whole_are_refused_to_several_processes() -> None:
    joint = JointBatches.__new__(JointBatches)
    check_shares(joint, 8, processes=1)
    with pytest.raises(ValueError, match="JointBatches cannot be shared among 2 processes.*without torchrun"):
        check_shares(joint, 8, processes=2)
    with pytest.raises(ValueError, match="batch_size must be at least 1 row for each of 3 processes, not 2"):
        check_shares(TripleBatches(corpus(), tiny()), 2, processes=3)


def test_random_numbers_differ_between_steps_and_between_processes() -> None:
    seeds = {step_seed(seed, step, process) for seed in (0, 1) for step in range(5) for process in (0, 1)}
    assert len(seeds) == 20 and step_seed(1, 3, 1) == step_seed(1, 3, 1)


# ------------------------------------------------------------------------------------------ two processes


def torchrun(*arguments: str | Path, module: str | None = None) -> subprocess.Popen[str]:
    """Start two processes on this machine, as a user does."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", module] if module else [__file__]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )


def wait(run: subprocess.Popen[str]) -> tuple[str, str]:
    try:
        return run.communicate(timeout=600)
    except subprocess.TimeoutExpired:
        run.terminate()  # torchrun ends the processes that it started
        raise


def end(run: subprocess.Popen[str]) -> tuple[str, str]:
    output, errors = wait(run)
    assert run.returncode == 0, errors
    return output, errors


@pytest.fixture(scope="module")
def one_and_two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of the three recipes' runs in one process, and in two; `stopped` is resumed by two."""
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    for what in RUNS:
        train(what, one)
    mixture(two / "data")
    shutil.copytree(one / "stage1", two / "stopped/stage1")
    for name in ("checkpoint-5", "model"):  # as if killed after the checkpoint of step 4
        shutil.rmtree(two / "stopped/stage1" / name)
    end(torchrun("all", two))
    return one, two


def steps(folder: Path) -> list[dict[str, Any]]:
    return [line for line in read_log(folder / "log.jsonl") if "losses" in line]


def assert_same_training(expected: Path, found: Path) -> None:
    """The same curve of every part of the loss and of the gradient's norm, and the same weights at the end."""
    wanted, curve = steps(expected), steps(found)
    assert [line["step"] for line in curve] == [line["step"] for line in wanted], "every step is logged once"
    for line, other in zip(wanted, curve, strict=True):  # float32: sums of the same numbers in another order
        assert other["losses"] == pytest.approx(line["losses"], rel=1e-5)
        assert other["gradient_norm"] == pytest.approx(line["gradient_norm"], rel=1e-5)
    weights, others = (load_file(folder / "model/model.safetensors") for folder in (expected, found))
    started = tiny("none" if expected.name == "plain" else "multiplicative").model.state_dict()
    assert max(float((weights[name] - started[name]).abs().max()) for name in weights) > 1e-3, "something was learned"
    for name in weights:
        if not name.endswith("attention.self.key.bias"):  # cancels in the softmax: its gradient is rounding alone
            assert float((weights[name] - others[name]).abs().max()) < 2e-5, name


@pytest.mark.slow
@pytest.mark.parametrize("what", list(RUNS))
def test_two_processes_train_as_one_does(one_and_two: tuple[Path, Path], what: str) -> None:
    one, two = one_and_two
    assert_same_training(one / what, two / what)
    evaluations = [line["evaluation"] for line in read_log(two / what / "log.jsonl") if "evaluation" in line]
    assert len(evaluations) == (0 if what == "plain" else 1)
    record = json.loads((two / what / "training.json").read_text())
    assert record["processes"] == 2 and record["result"]["steps"] == len(steps(one / what))


@pytest.mark.slow
def test_two_processes_go_on_where_one_stopped(one_and_two: tuple[Path, Path]) -> None:
    one, two = one_and_two
    assert_same_training(one / "stage1", two / "stopped/stage1")


@pytest.mark.slow
def test_two_processes_end_with_the_same_weights_and_dropout_of_their_own(one_and_two: tuple[Path, Path]) -> None:
    _, two = one_and_two
    first, second = (json.loads((two / f"process-{process}.json").read_text()) for process in (0, 1))
    assert first["weights"] == second["weights"], "bit for bit"
    assert first["random"] and first["random"][-1] != second["random"][-1]


@pytest.mark.slow
def test_two_processes_that_are_killed_go_on_bit_for_bit(tmp_path: Path) -> None:
    """SIGKILL at a random step, dropout on; then the same command again."""
    end(torchrun("dropout", tmp_path / "whole"))
    run, kill_at = torchrun("dropout", tmp_path / "killed"), random.SystemRandom().randint(3, 20)
    deadline = time.monotonic() + 600
    while len(read_log(tmp_path / "killed/log.jsonl")) < kill_at and time.monotonic() < deadline:
        assert run.poll() is None, run.communicate()
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGKILL)
    for process in (tmp_path / "killed").glob("*.pid"):  # torchrun starts them in sessions of their own
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(process.stem), signal.SIGKILL)
    run.communicate()
    assert not (tmp_path / "killed/model").exists(), f"killed at step {kill_at} too late to prove anything"
    assert checkpoints(tmp_path / "killed")
    end(torchrun("dropout", tmp_path / "killed"))
    whole, killed = (load_file(tmp_path / name / "model/model.safetensors") for name in ("whole", "killed"))
    assert [name for name in whole if not torch.equal(whole[name], killed[name])] == [], f"killed at step {kill_at}"
    assert [line["step"] for line in steps(tmp_path / "killed")] == list(range(1, 61))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("fail", "one process found something wrong"),
        ("other", "the processes are not in one training"),
    ],
)
def test_a_process_that_fails_ends_the_other_one(tmp_path: Path, what: str, message: str) -> None:
    run = torchrun(what, tmp_path)
    _, errors = wait(run)
    assert run.returncode != 0 and message in errors


@pytest.mark.slow
def test_the_command_runs_under_torchrun_and_prints_once(tmp_path: Path) -> None:
    rows = corpus(80)
    lines = [f"{row['text']},{row['month'] or ''},{row['region'] or ''}" for row in rows] + ["odd,2019-13,UK"]
    (tmp_path / "corpus.csv").write_text("\n".join(["text,month,region", *lines]) + "\n")
    command: list[str | Path] = ["train", "stage1", tmp_path / "corpus.csv"]
    command += ["--output", tmp_path / "run", "--max-steps", "2"]
    output, errors = end(torchrun(*command, "--batch-size", "4", "--near-duplicates", "none", module="spacetime.cli"))
    assert output.count("2 steps in") == 1 and output.count("model: ") == 1
    assert errors.count("split by") == 1 and errors.count("rejected rows") == 1
    assert [line["step"] for line in steps(tmp_path / "run")] == [1, 2]
    assert "2019-13" in (tmp_path / "run/rejects.csv").read_text()
    assert SpaceTimeEncoder.load(tmp_path / "run/model", device="cpu").encode("Rain.", "2019-03").shape == (384,)


# ------------------------------------------------------------------------ what one of two processes does


def work(what: str, folder: Path) -> None:
    process = int(os.environ["RANK"])
    if what == "all":
        for recipe in RUNS:
            encoder = train(recipe, folder)
            assert (folder / recipe / "model").exists(), "the model is there when any process goes on"
        seeds: list[int] = []  # of each step's dropout; the state of before comes back after training
        seeded, torch.manual_seed = torch.manual_seed, lambda seed: seeds.append(int(seed)) or seeded(seed)  # type: ignore
        train("stage1", folder / "stopped", resume=True)
        torch.manual_seed = seeded
        facts = {"weights": float(sum(weight.double().sum() for weight in encoder.model.state_dict().values()))}
        (folder / f"process-{process}.json").write_text(json.dumps(facts | {"random": seeds}))
    elif what == "dropout":
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{os.getpid()}.pid").touch()
        options = replace(RUNS["stage1"], dropout=0.1, max_steps=60)
        train_stage1(corpus(), tiny(), folder, options, resume=True)
    elif what == "fail":
        encoder = tiny()
        if process == 1:
            encoder.model.register_forward_pre_hook(stop)
        train_stage1(corpus(), encoder, folder, RUNS["stage1"])
    elif what == "other":
        train_stage1(corpus(21 - process), tiny(), folder, RUNS["stage1"])


def stop(*_: object) -> None:
    raise ValueError("one process found something wrong")


if __name__ == "__main__":
    torch.set_num_threads(1)
    work(sys.argv[1], Path(sys.argv[2]))
