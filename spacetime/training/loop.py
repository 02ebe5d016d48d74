"""The training loop, one for all recipes, and its checkpoints.

A training that is killed and resumed ends with the same weights, bit for bit on one processor, as one that was not:
batches, learning rates and random numbers are functions of the step, and a checkpoint, which appears under its name
only when it is complete, holds weights and optimiser as safetensors and JSON. Started by torchrun, several processes
share every batch and take the steps that one would take (`processes`); the first writes, evaluates and shows progress.
"""

import json
import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

import numpy as np
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm.auto import tqdm

from spacetime.folders import new_folder, write_text
from spacetime.inputs import as_annotated, fit_fields, quoted
from spacetime.model import SpaceTimeMiniLM
from spacetime.model.precision import quick_precision, say_where_bfloat16_is_slow
from spacetime.training.batches import Batches
from spacetime.training.objectives import Objective
from spacetime.training.processes import average_gradients, begin_alike, join_processes

LOG_FILE = "log.jsonl"
CHECKPOINT_FORMAT = 2
Evaluate = Callable[[SpaceTimeMiniLM], dict[str, float]]
Facts = Mapping[str, object]
NO_FACTS: Facts = {}


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
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)!r}")
        for name in ("warmup_share", "hide_month", "hide_region", "dropout", "weight_decay"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1, not {getattr(self, name)!r}")


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
    evaluation: dict[str, float]  # of several processes the first one has it, and the means over a resumed log


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
    facts: Facts = NO_FACTS,
    resume: bool = False,
    overwrite: bool = False,
    show_progress: bool | None = None,
) -> TrainingResult:
    """Train a model in place; in several processes, if torchrun started this one.

    Nothing but its weights is changed: see `weights_only`.

    Parameters
    ----------
    output
        Folder for `log.jsonl` (a line for each step) and `checkpoint-STEP/`.
    idle
        How the names of parameters begin that have no part in the objective. They are frozen while this runs.
    evaluate
        Called with the model now and then (`options.evaluate_every`) and at the end; its numbers are logged.
    facts
        What decides about the weights beside the options: a checkpoint of other facts is refused.
    resume, overwrite, show_progress
        See `Run`.
    """
    output = Path(output)
    accelerator = join_processes(model.device, mixed_precision(options, model.device))
    first = accelerator.is_main_process
    check_shares(batches, options.batch_size, accelerator.num_processes)
    if first:
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
        if resume and (found := checkpoints(output)):
            start = load_checkpoint(found[-1], model, optimizer, options, facts)
        begin_alike(model, batches, start, steps)
        # `evaluation_mode` puts autocast around the model, but no DistributedDataParallel: see `processes`.
        accelerator.prepare_model(model, device_placement=False, evaluation_mode=True)
        log = TrainingLog(output, start, options.tensorboard) if first else None
        loop = _Loop(
            model, batches, objective, options, accelerator, accelerator.prepare_optimizer(optimizer), log,
            evaluate if first else None, facts,
        )  # fmt: skip
        hidden = None if show_progress is None else not show_progress
        with tqdm(total=steps, initial=start, desc="train", unit="step", disable=hidden if first else True) as bar:
            return loop.run(range(start, steps), bar)


@contextmanager
def weights_only(model: SpaceTimeMiniLM) -> Iterator[None]:
    """Undo whatever else than weights is changed inside, also after an error or Ctrl-C.

    That is what is frozen, gradients, training mode, dropout, the way attention is computed, what is hung on modules
    (accelerate wraps `forward` and leaves marks), and the state of torch's random numbers.
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


@dataclass
class _Loop:
    """A training that is under way; of several processes only the first one has a log, and evaluates."""

    model: SpaceTimeMiniLM
    batches: Batches
    objective: Objective
    options: TrainingOptions
    accelerator: Accelerator
    optimizer: Any
    log: "TrainingLog | None"
    evaluate: Evaluate | None
    facts: Facts

    def run(self, steps: range, bar: Any) -> TrainingResult:
        """Take the steps that are still to be taken."""
        options, log, began, tokens = self.options, self.log, time.perf_counter(), 0
        evaluation: dict[str, float] = {}
        for step in steps:
            factor = warmup_then_decay(step, steps.stop, options.warmup_share, options.warmup_steps)
            losses, norm = self.step(step, factor)
            tokens += round(losses.pop("tokens") * self.accelerator.num_processes)
            if not math.isfinite(losses["loss"]):
                raise ValueError(
                    f"the loss at step {step + 1} is {losses['loss']}; try a lower learning rate or float32"
                )
            rate = round(tokens / (time.perf_counter() - began))
            bar.update()
            bar.set_postfix_str(f"loss {losses['loss']:.3f}, {rate:,} tokens/s", refresh=False)
            if log is None:
                continue
            figures = {"learning_rate": options.learning_rate * factor, "gradient_norm": norm}
            log.step(step + 1, losses, **figures, tokens_per_second=rate)
            last = step + 1 == steps.stop
            if self.evaluate is not None and (last or (step + 1) % (options.evaluate_every or steps.stop) == 0):
                self.model.eval()
                with torch.inference_mode():
                    evaluation = self.evaluate(self.model)
                log.evaluation(step + 1, evaluation)
            if last or (step + 1) % options.checkpoint_every == 0:
                save_checkpoint(log.output, step + 1, self.model, self.optimizer, options, self.facts)
        seconds = time.perf_counter() - began
        final = {} if log is None else log.mean_of_last_tenth()
        return TrainingResult(steps.stop, seconds, tokens / seconds if seconds else 0.0, final, evaluation)

    def step(self, step: int, factor: float) -> tuple[dict[str, float], float]:
        """Take one step; return loss, parts and tokens, as means over the processes, and the gradient's norm."""
        model, process, processes = self.model, self.accelerator.process_index, self.accelerator.num_processes
        torch.manual_seed(step_seed(self.options.seed, step, process))  # of dropout
        batches: Any = self.batches
        batch = batches[step] if processes == 1 else batches.share(step, process, processes)
        batch = {name: part.to(model.device) for name, part in batch.items()}
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        model.train()
        loss, parts = self.objective(model, batch)
        self.accelerator.backward(loss)
        average_gradients(model.parameters())
        norm = self.accelerator.clip_grad_norm_(model.parameters(), self.options.max_gradient_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        figures = {"loss": loss, **parts, "tokens": batch["attention_mask"].sum()}
        means = self.accelerator.reduce(torch.stack([figure.detach().double() for figure in figures.values()]), "mean")
        return dict(zip(figures, means.tolist(), strict=True)), float(norm)


def planned_steps(options: TrainingOptions, batches: Batches) -> int:
    """How many steps a training takes."""
    return options.max_steps or options.epochs * len(batches)


def check_shares(batches: Batches, batch_size: int, processes: int) -> None:
    """Raise ValueError where several processes have nothing to share."""
    if processes > 1 and not hasattr(batches, "share"):
        raise ValueError(
            f"{type(batches).__name__} cannot be shared among {processes} processes: its loss asks for whole batches; "
            "start it in one process, without torchrun"
        )
    if batch_size < processes:
        raise ValueError(f"batch_size must be at least 1 row for each of {processes} processes, not {batch_size}")


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
    """`log.jsonl`, a line for each step and evaluation, and TensorBoard's files; what is run again is logged again."""

    def __init__(self, output: Path, start: int, tensorboard: bool) -> None:
        self.output = output
        self.board: Any = None
        lines = [line for line in read_log(output / LOG_FILE) if line["step"] <= start]
        self.losses: list[dict[str, float]] = [line["losses"] for line in lines if "losses" in line]
        write_text(output / LOG_FILE, "".join(json.dumps(line) + "\n" for line in lines))
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self.board = SummaryWriter(str(output / "tensorboard"), purge_step=start + 1)

    def step(self, step: int, losses: dict[str, float], **rest: float) -> None:
        self.losses.append(losses)
        self._write({"step": step, "losses": losses, **rest}, "train", losses | rest)

    def evaluation(self, step: int, metrics: dict[str, float]) -> None:
        self._write({"step": step, "evaluation": metrics}, "evaluation", metrics)

    def _write(self, line: dict[str, Any], group: str, values: dict[str, float]) -> None:
        with (self.output / LOG_FILE).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
        if self.board is not None:
            for name, value in values.items():
                self.board.add_scalar(f"{group}/{name}", value, line["step"])
            self.board.flush()

    def mean_of_last_tenth(self) -> dict[str, float]:
        last = self.losses[-max(1, len(self.losses) // 10) :]
        return {name: float(np.mean([losses[name] for losses in last])) for name in (last[0] if last else {})}


def read_log(path: str | Path) -> list[dict[str, Any]]:
    """The lines of a `log.jsonl`; a last line cut short by a kill is left out."""
    path = Path(path)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    try:
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON, line by line: {error}") from error


def save_checkpoint(
    output: Path, step: int, model: SpaceTimeMiniLM, optimizer: Any, options: TrainingOptions, facts: Facts = NO_FACTS
) -> Path:
    """Write `checkpoint-STEP/` completely or not at all, then delete the oldest ones beyond what is kept."""
    state = {"format": CHECKPOINT_FORMAT, "step": step, "settings": _settings(options, facts)}
    moments = {
        f"{index}.{name}": torch.as_tensor(value).contiguous()
        for index, entry in optimizer.state_dict()["state"].items()
        for name, value in entry.items()
    }
    with new_folder(output / f"checkpoint-{step}") as part:
        save_file(_weights(model), part / "model.safetensors")
        save_file(moments, part / "optimizer.safetensors")
        (part / "state.json").write_text(json.dumps(state), encoding="utf-8")
    for old in checkpoints(output)[: -options.keep_checkpoints]:
        shutil.rmtree(old)
    return output / f"checkpoint-{step}"


def checkpoints(output: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    found = [path for path in output.glob("checkpoint-*") if path.name[11:].isdigit()]
    return sorted(found, key=lambda path: int(path.name[11:]))


def load_checkpoint(
    path: Path, model: SpaceTimeMiniLM, optimizer: Any, options: TrainingOptions, facts: Facts = NO_FACTS
) -> int:
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
    for name, value in _settings(options, facts).items():
        if (before := state["settings"].get(name)) != value:
            raise ValueError(
                f"{path} was trained with {name}={quoted(before)}, not {quoted(value)}; resume with the same "
                "options, or start anew in another folder"
            )
    expected = {name: tuple(tensor.shape) for name, tensor in _weights(model).items()}
    for name in sorted(expected.keys() | weights.keys()):
        shape = tuple(weights[name].shape) if name in weights else None
        if shape != expected.get(name):
            raise ValueError(f"{path} belongs to another model: {name} is {shape} there, {expected.get(name)} here")
    model.load_state_dict(weights, strict=False)
    entries: dict[int, dict[str, Tensor]] = {}
    for key, tensor in moments.items():
        index, name = key.split(".")
        entries.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({"state": entries, "param_groups": optimizer.state_dict()["param_groups"]})
    return int(state["step"])


def _settings(options: TrainingOptions, facts: Facts) -> dict[str, Any]:
    """What decides about the weights, as JSON gives it back: not how often is saved, nor what only spends memory."""
    free = ("checkpoint_every", "keep_checkpoints", "evaluate_every", "tensorboard", "chunk")
    found = json.loads(json.dumps(asdict(options) | dict(facts)))
    for part in (found, *[value for value in found.values() if isinstance(value, dict)]):
        for name in free:
            part.pop(name, None)
    return dict(found)


def _weights(model: SpaceTimeMiniLM) -> dict[str, Tensor]:
    """All weights once: the masked-LM head's are the word embeddings themselves."""
    tied = model.all_tied_weights_keys
    return {name: tensor.contiguous() for name, tensor in model.state_dict().items() if name not in tied}
