"""The training loop, one for both stages, and its checkpoints.

A training that is killed and resumed ends with the same weights, bit for bit on one processor, as one that was not:
batches, learning rates and random numbers are functions of the step, and a checkpoint holds weights and optimiser. A
checkpoint is a folder of safetensors and JSON that appears under its name only when it is complete; nothing is pickled.

Started by torchrun, several processes share every batch and take the steps that one would take (`processes`); the first
of them writes, evaluates and shows progress.
"""

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TextIO, TypedDict

import numpy as np
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm.auto import tqdm

from spacetime.folders import new_folder, write_text
from spacetime.inputs import as_annotated, fit_fields
from spacetime.model import SpaceTimeMiniLM
from spacetime.model.precision import quick_precision, say_where_bfloat16_is_slow
from spacetime.training.batches import Batch, Batches, SharedBatches
from spacetime.training.objectives import Objective
from spacetime.training.processes import average_gradients, begin_alike, join_processes

LOG_FILE = "log.jsonl"
CHECKPOINT_FORMAT = 1
Evaluate = Callable[[SpaceTimeMiniLM], dict[str, float]]


@dataclass(frozen=True)
class TrainingOptions:
    """How a stage is trained. The defaults are stage 1 of the Space-Time-MiniLM-v0 card ("Hyper parameters").

    Parameters
    ----------
    epochs
        Times that every row is seen.
    batch_size
        Rows a step. Several processes share them.
    learning_rate
        Peak rate of the backbone: 1e-5 in stage 1, 2e-5 in stage 2.
    new_learning_rate
        Peak rate of conditioning, encodings and heads: 2e-4 in stage 1, 2e-5 in stage 2.
    freeze_backbone
        Train only what is new.
    freeze_words
        Leave the word embeddings as they are: on a processor a short stage 1 takes a third less time.
    warmup_share
        Share of the steps over which the rates rise from 0. They fall to 0 over the rest, both linearly.
    warmup_steps
        The same as a number of steps, in place of the share.
    weight_decay
        Weight decay of AdamW. The card does not name it; this is torch's default.
    max_gradient_norm
        Norm at which the gradient is clipped. The card does not name it; this is BERT's.
    dropout
        Dropout inside the backbone. The card does not name it; 0 is as good for one epoch and much faster here.
    hide_month, hide_region
        Share of the rows that lose this label in training. It is 0 in the published recipe (see `training.batches`).
    precision
        `"float32"`, `"bfloat16"` (autocast), or `"auto"`: bfloat16 where the hardware multiplies it.
    max_steps
        Stop after so many steps. The rates are planned for that number.
    checkpoint_every
        Steps between checkpoints.
    keep_checkpoints
        How many of the newest checkpoints stay.
    evaluate_every
        Steps between evaluations, if there are to be any before the end.
    tensorboard
        Also write TensorBoard files, under `tensorboard/` in the output.
    seed
        Seed of batches, masks, hidden contexts and dropout.
    """

    epochs: int = 1
    batch_size: int = 32
    learning_rate: float = 1e-5
    new_learning_rate: float = 2e-4
    freeze_backbone: bool = False
    freeze_words: bool = False
    warmup_share: float = 0.1
    warmup_steps: int | None = None
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    dropout: float = 0.0
    hide_month: float = 0.0
    hide_region: float = 0.0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    max_steps: int | None = None
    checkpoint_every: int = 200
    keep_checkpoints: int = 2
    evaluate_every: int | None = None
    tensorboard: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        fit_fields(self)
        for name in ("learning_rate", "new_learning_rate", "max_gradient_norm"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)!r}")
        for name in ("warmup_share", "hide_month", "hide_region", "dropout", "weight_decay"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1, not {getattr(self, name)!r}")
        if self.precision not in ("auto", "float32", "bfloat16"):
            raise ValueError(f"precision must be 'auto', 'float32' or 'bfloat16', not {self.precision!r}")


class Run(TypedDict, total=False):
    """What every recipe can be told about a run, beside what is trained and how.

    Parameters
    ----------
    resume
        Go on from the newest checkpoint in the output, if there is one.
    overwrite
        Delete an earlier training in the output first.
    show_progress
        Show a bar with loss and tokens per second on stderr; None shows it on a terminal.
    note
        Further facts for `training.json`, such as how the corpus was split.
    """

    resume: bool
    overwrite: bool
    show_progress: bool | None
    note: dict[str, object] | None


@dataclass(frozen=True)
class TrainingResult:
    """What a training did."""

    steps: int
    seconds: float  # of this run; a resumed one counts from its resumption
    tokens_per_second: float
    final: dict[str, float]  # loss and its parts, mean over the last tenth of the steps
    evaluation: dict[str, float]  # of several processes the first one has it


@as_annotated
def train(
    model: SpaceTimeMiniLM,
    batches: Batches,
    objective: Objective,
    options: TrainingOptions,
    output: str | Path,
    *,
    idle: tuple[str, ...] = (),
    evaluate: Evaluate | None = None,
    resume: bool = False,
    overwrite: bool = False,
    show_progress: bool | None = None,
) -> TrainingResult:
    """Train a model in place; in several processes, if torchrun started this one.

    Nothing but its weights is changed: see `weights_only`.

    Parameters
    ----------
    model, batches, objective, options
        What is trained, on what, towards what, and how.
    output
        Folder for `log.jsonl` (a line for each step) and `checkpoint-STEP/`.
    idle
        How the names of parameters begin that have no part in the objective. They are frozen while this runs.
    evaluate
        Called with the model now and then (`options.evaluate_every`) and at the end; its numbers are logged.
    resume, overwrite, show_progress
        See `Run`.

    Raises
    ------
    ValueError
        `output` already holds a training and neither `resume` nor `overwrite` is given; the checkpoint belongs to
        another model or other options; the loss is not finite; there are several processes and the batches cannot be
        shared, or have fewer rows.
    """
    output = Path(output)
    accelerator = join_processes(model.device, mixed_precision(options, model.device))
    check_shares(batches, options.batch_size, accelerator.num_processes)
    if accelerator.is_main_process:
        prepare_output(output, resume, overwrite)
    accelerator.wait_for_everyone()
    if accelerator.num_processes > 1:
        model.to(accelerator.device)  # type: ignore[arg-type]  # each process its own GPU
    with weights_only(model):
        set_dropout(model, options.dropout)
        if model.device.type == "cpu":
            model.set_attn_implementation("eager")  # 1.2 times as fast to train here as the fused kernel
        groups = parameter_groups(model, options, idle)
        trained = {id(parameter) for group in groups for parameter in group["params"]}
        for parameter in model.parameters():
            parameter.requires_grad_(id(parameter) in trained)
        # The rates are set at every step.
        optimizer = torch.optim.AdamW(groups, weight_decay=options.weight_decay, fused=True)
        steps, start = planned_steps(options, batches), 0
        if resume and (checkpoint := newest_checkpoint(output)):
            start = load_checkpoint(checkpoint, model, optimizer, options)
        begin_alike(model, batches, start, steps)
        # `evaluation_mode` puts autocast around the model, but no DistributedDataParallel: see `processes`.
        accelerator.prepare_model(model, device_placement=False, evaluation_mode=True)
        optimizer = accelerator.prepare_optimizer(optimizer)
        log = TrainingLog(output, start, options.tensorboard, writes=accelerator.is_main_process)
        accelerator.wait_for_everyone()  # all have read the log when the first process writes it anew
        if not accelerator.is_main_process:
            evaluate, show_progress = None, False
        hidden = None if show_progress is None else not show_progress
        bar = tqdm(total=steps, initial=start, desc="train", unit="step", disable=hidden)
        with log, bar:
            return _steps(
                model, batches, objective, options, output, accelerator, optimizer, range(start, steps),
                evaluate, log, bar,
            )  # fmt: skip


@contextmanager
def weights_only(model: SpaceTimeMiniLM) -> Iterator[None]:
    """Undo whatever else than weights is changed inside, also after an error or Ctrl-C.

    Undone are which parameters are frozen, gradients, training mode, dropout, the way attention is computed, what is
    hung on modules (accelerate wraps `forward` and leaves marks), and the state of torch's random numbers.
    """
    modules = [(module, dict(vars(module))) for module in model.modules()]
    parameters = [(parameter, parameter.requires_grad, parameter.grad) for parameter in model.parameters()]
    attention = model.config._attn_implementation
    with torch.random.fork_rng([model.device] if model.device.type == "cuda" else []):
        try:
            for parameter, _, _ in parameters:
                parameter.grad = None
            yield
        finally:
            model.set_attn_implementation(attention)
            for module, before in modules:
                vars(module).update(before)
                for name in vars(module).keys() - before.keys():
                    delattr(module, name)
            for parameter, requires_grad, gradient in parameters:
                parameter.requires_grad_(requires_grad).grad = gradient


def _steps(
    model: SpaceTimeMiniLM,
    batches: Batches,
    objective: Objective,
    options: TrainingOptions,
    output: Path,
    accelerator: Accelerator,
    optimizer: Any,
    steps: range,
    evaluate: Evaluate | None,
    log: "TrainingLog",
    bar: Any,
) -> TrainingResult:
    """The loop itself, over the steps that are still to be taken."""
    began, tokens, evaluation = time.perf_counter(), 0, {}
    process, processes = accelerator.process_index, accelerator.num_processes
    for step in steps:
        torch.manual_seed(step_seed(options.seed, step, process))  # of dropout
        batch = {name: part.to(model.device) for name, part in own_batch(batches, step, process, processes).items()}
        factor = warmup_then_decay(step, steps.stop, options.warmup_share, options.warmup_steps)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        losses, norm = _step(model, batch, objective, options.max_gradient_norm, accelerator, optimizer)
        tokens += round(losses.pop("tokens") * processes)
        if not math.isfinite(losses["loss"]):
            raise ValueError(f"the loss at step {step + 1} is {losses['loss']}; try a lower learning rate or float32")
        rate = round(tokens / (time.perf_counter() - began))
        log.step(
            step + 1,
            losses,
            learning_rate=options.learning_rate * factor,
            gradient_norm=norm,
            tokens_per_second=rate,
        )
        bar.update()
        bar.set_postfix_str(f"loss {losses['loss']:.3f}, {rate:,} tokens/s", refresh=False)

        last = step + 1 == steps.stop
        if evaluate is not None and (last or (options.evaluate_every and (step + 1) % options.evaluate_every == 0)):
            model.eval()
            with torch.inference_mode():
                evaluation = evaluate(model)
            log.evaluation(step + 1, evaluation)
        if accelerator.is_main_process and (last or (step + 1) % options.checkpoint_every == 0):
            save_checkpoint(output, step + 1, model, optimizer, options)
    seconds = time.perf_counter() - began
    return TrainingResult(
        steps.stop, seconds, tokens / seconds if seconds else 0.0, log.mean_of_last_tenth(), evaluation
    )


def _step(
    model: SpaceTimeMiniLM,
    batch: Batch,
    objective: Objective,
    max_gradient_norm: float,
    accelerator: Accelerator,
    optimizer: Any,
) -> tuple[dict[str, float], float]:
    """Take one step; return the loss, its parts and the tokens, means over the processes, and the gradient's norm."""
    model.train()
    loss, parts = objective(model, batch)
    accelerator.backward(loss)
    average_gradients(model.parameters())
    norm = accelerator.clip_grad_norm_(model.parameters(), max_gradient_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    figures = {"loss": loss, **parts, "tokens": batch["attention_mask"].sum()}
    means = accelerator.reduce(torch.stack([figure.detach().double() for figure in figures.values()]), "mean")
    return dict(zip(figures, means.tolist(), strict=True)), float(norm)


# ----------------------------------------------------------------------------------------------- ingredients


def planned_steps(options: TrainingOptions, batches: Batches) -> int:
    """How many steps a training takes."""
    return options.max_steps or options.epochs * len(batches)


def check_shares(batches: Batches, batch_size: int, processes: int) -> None:
    """Raise ValueError where several processes have nothing to share."""
    if processes == 1:
        return
    if not isinstance(batches, SharedBatches):
        raise ValueError(
            f"{type(batches).__name__} cannot be shared among {processes} processes: its loss asks for whole batches; "
            "start it in one process, without torchrun"
        )
    if batch_size < processes:
        raise ValueError(f"batch_size must be at least 1 row for each of {processes} processes, not {batch_size}")


def own_batch(batches: Batches, step: int, process: int, processes: int) -> Batch:
    """What a process trains on at a step."""
    if processes > 1 and isinstance(batches, SharedBatches):
        return batches.share(step, process, processes)
    return batches[step]


def step_seed(seed: int, step: int, process: int) -> int:
    """Of a step's random numbers: the same whenever the step is taken, others in every process."""
    return int(np.random.default_rng([seed, 6, step, process]).integers(2**63))


def parameter_groups(
    model: SpaceTimeMiniLM, options: TrainingOptions, idle: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """The backbone and what is new, each with its peak rate; frozen and idle parameters are left out."""
    backbone: list[nn.Parameter] = []
    new: list[nn.Parameter] = []
    frozen = (*idle, "bert.embeddings.word_embeddings.") if options.freeze_words else idle
    for name, parameter in model.named_parameters():
        is_backbone = name.startswith("bert.") and ".conditioning." not in name
        if parameter.requires_grad and not name.startswith(frozen) and not (is_backbone and options.freeze_backbone):
            (backbone if is_backbone else new).append(parameter)
    groups = [
        {"params": backbone, "lr": options.learning_rate, "peak": options.learning_rate},
        {"params": new, "lr": options.new_learning_rate, "peak": options.new_learning_rate},
    ]
    groups = [group for group in groups if group["params"]]
    if not groups:
        raise ValueError("nothing to train: the backbone is frozen, and this conditioning has no weights of its own")
    return groups


def warmup_then_decay(step: int, steps: int, warmup_share: float, warmup_steps: int | None = None) -> float:
    """Factor on the peak rate at a step: linear from 0 over the warm-up, then linear to 0 (card: 3,375 of 33,750)."""
    warmup = math.ceil(steps * warmup_share) if warmup_steps is None else warmup_steps
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return (steps - step) / max(steps - warmup, 1)


def mixed_precision(options: TrainingOptions, device: torch.device) -> Literal["bf16", "no"]:
    """Accelerate's word for the precision that the options ask for on this device."""
    if options.precision == "bfloat16":
        say_where_bfloat16_is_slow(device)
    precision = quick_precision(device) if options.precision == "auto" else options.precision
    return "bf16" if precision == "bfloat16" else "no"


def set_dropout(model: nn.Module, share: float) -> None:
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = share


def check_output(output: Path, resume: bool, overwrite: bool) -> None:
    """Say what is in the way of a training in this folder."""
    if output.exists() and not output.is_dir():
        raise ValueError(f"{output} is a file; name a folder for the training")
    if (output / LOG_FILE).exists() and not resume and not overwrite:
        raise ValueError(
            f"{output} already holds a training; resume it (resume=True), overwrite it (overwrite=True), or name "
            "another folder"
        )


def prepare_output(output: Path, resume: bool, overwrite: bool) -> None:
    """Make the folder, or say what is in the way."""
    check_output(output, resume, overwrite)
    if (output / LOG_FILE).exists() and not resume:
        (output / LOG_FILE).unlink()
        for folder in [*output.glob("checkpoint-*"), *output.glob(".checkpoint-*.part"), output / "tensorboard"]:
            shutil.rmtree(folder, ignore_errors=True)
    output.mkdir(parents=True, exist_ok=True)


class TrainingLog:
    """`log.jsonl`: a line for each step and each evaluation; and TensorBoard, if asked for.

    Of several processes one writes; the others only remember the losses.
    """

    def __init__(self, output: Path, start: int, tensorboard: bool, writes: bool = True) -> None:
        self.path = output / LOG_FILE
        self.writes = writes
        self.lines = [line for line in read_log(self.path) if line["step"] <= start]
        self.losses: list[dict[str, float]] = [line["losses"] for line in self.lines if "losses" in line]
        self.board: Any = None
        if tensorboard and writes:
            from torch.utils.tensorboard import SummaryWriter

            self.board = SummaryWriter(str(output / "tensorboard"), purge_step=start + 1)

    def __enter__(self) -> "TrainingLog":
        # What a killed run logged after its last checkpoint is run again, so it is logged again.
        if self.writes:
            write_text(self.path, "".join(json.dumps(line) + "\n" for line in self.lines))
        self.stream: TextIO = (self.path if self.writes else Path(os.devnull)).open("a", encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        if self.board is not None:
            self.board.close()

    def step(self, step: int, losses: dict[str, float], **rest: float) -> None:
        self.losses.append(losses)
        self._write({"step": step, "losses": losses, **rest})
        self._to_board(step, "train", {**losses, **rest})

    def evaluation(self, step: int, metrics: dict[str, float]) -> None:
        self._write({"step": step, "evaluation": metrics})
        self._to_board(step, "evaluation", metrics)

    def mean_of_last_tenth(self) -> dict[str, float]:
        last = self.losses[-max(1, len(self.losses) // 10) :]
        return {name: float(np.mean([losses[name] for losses in last])) for name in (last[0] if last else {})}

    def _write(self, line: dict[str, Any]) -> None:
        self.stream.write(json.dumps(line) + "\n")
        self.stream.flush()

    def _to_board(self, step: int, group: str, values: dict[str, float]) -> None:
        if self.board is not None:
            for name, value in values.items():
                self.board.add_scalar(f"{group}/{name}", value, step)


def read_log(path: str | Path) -> list[dict[str, Any]]:
    """The lines of a `log.jsonl`; a last line cut short by a kill is left out."""
    path = Path(path)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    result = []
    for number, line in enumerate(lines, start=1):
        try:
            result.append(json.loads(line))
        except json.JSONDecodeError as error:
            if number < len(lines):
                raise ValueError(f"{path}, line {number} is not JSON: {line[:60]!r}") from error
    return result


# ----------------------------------------------------------------------------------------------- checkpoints


def save_checkpoint(output: Path, step: int, model: SpaceTimeMiniLM, optimizer: Any, options: TrainingOptions) -> Path:
    """Write `checkpoint-STEP/` completely or not at all, then delete the oldest ones beyond what is kept."""
    state = {"format": CHECKPOINT_FORMAT, "step": step, "options": asdict(options)}
    with new_folder(output / f"checkpoint-{step}") as part:
        save_file(_weights(model), part / "model.safetensors")
        save_file(_optimizer_state(optimizer), part / "optimizer.safetensors")
        (part / "state.json").write_text(json.dumps(state), encoding="utf-8")
    for old in checkpoints(output)[: -options.keep_checkpoints]:
        shutil.rmtree(old)
    return output / f"checkpoint-{step}"


def checkpoints(output: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    found = [path for path in output.glob("checkpoint-*") if path.name[11:].isdigit()]
    return sorted(found, key=lambda path: int(path.name[11:]))


def newest_checkpoint(output: Path) -> Path | None:
    return next(reversed(checkpoints(output)), None)


def load_checkpoint(path: Path, model: SpaceTimeMiniLM, optimizer: Any, options: TrainingOptions) -> int:
    """Put weights and optimiser back; returns the step they belong to."""
    try:
        state = json.loads((path / "state.json").read_text(encoding="utf-8"))
        weights = load_file(path / "model.safetensors")
        moments = load_file(path / "optimizer.safetensors")
    except Exception as error:  # safetensors and json have no common error
        raise ValueError(
            f"{path} is not a whole checkpoint ({error}); delete it to resume from an earlier one"
        ) from error
    if state.get("format") != CHECKPOINT_FORMAT:
        raise ValueError(f"{path} has checkpoint format {state.get('format')}, not {CHECKPOINT_FORMAT}")
    free = ("checkpoint_every", "keep_checkpoints", "evaluate_every", "tensorboard")  # change nothing in the weights
    for name, value in asdict(options).items():
        if name not in free and state["options"].get(name) != value:
            raise ValueError(
                f"{path} was trained with {name}={state['options'].get(name)!r}, not {value!r}; resume with the same "
                "options, or start anew in another folder"
            )
    expected = {name: tuple(tensor.shape) for name, tensor in _weights(model).items()}
    for name in sorted(expected.keys() | weights.keys()):
        shape = tuple(weights[name].shape) if name in weights else None
        if shape != expected.get(name):
            raise ValueError(f"{path} belongs to another model: {name} is {shape} there, {expected.get(name)} here")
    model.load_state_dict(weights, strict=False)
    _load_optimizer_state(optimizer, moments)
    return int(state["step"])


def _weights(model: SpaceTimeMiniLM) -> dict[str, Tensor]:
    """All weights once: the masked-LM head's are the word embeddings themselves."""
    tied = model.all_tied_weights_keys
    return {name: tensor.contiguous() for name, tensor in model.state_dict().items() if name not in tied}


def _optimizer_state(optimizer: Any) -> dict[str, Tensor]:
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value).contiguous()
        for index, entry in state.items()
        for name, value in entry.items()
    }


def _load_optimizer_state(optimizer: Any, tensors: dict[str, Tensor]) -> None:
    entries: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, name = key.split(".")
        entries.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({"state": entries, "param_groups": optimizer.state_dict()["param_groups"]})
