"""What the processes of one training do together; `torchrun --nproc-per-node N` starts N of them.

Each process trains on its share of every batch (`training.batches.Batches`), and all take the same step. The mean
of the processes' losses is the loss of the whole batch, so the mean of their gradients is its gradient. It is sent in
one message after the backward pass: DistributedDataParallel, which sends earlier, stops at parameters that a loss
leaves out and at gradient caching, which embeds a text twice.
"""

import os
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import torch
from accelerate import Accelerator, InitProcessGroupKwargs
from accelerate.state import AcceleratorState, PartialState
from torch import Tensor, distributed, nn
from torch.nn import functional
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from spacetime.training.batches import Batches

# How long a process waits for the others: the first one evaluates and saves alone. One that fails ends all at once.
PATIENCE = timedelta(hours=2)


def join_processes(device: torch.device, precision: str) -> Accelerator:
    """Meet the other processes that torchrun started, if it did: by gloo on processors, by NCCL on GPUs.

    `device` is the model's, of which each process takes its own; `precision` is accelerate's word, "bf16" or "no".
    """
    AcceleratorState._reset_state()  # or a second training in this process would keep the first one's precision
    return Accelerator(
        cpu=device.type == "cpu", mixed_precision=precision, kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)]
    )


def count_processes() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def first_of_processes() -> bool:
    """Whether this is the process that writes files; true where there is one."""
    return os.environ.get("RANK", "0") == "0"


def wait_for_processes() -> None:
    """Go on when all processes have come here."""
    if count_processes() > 1:
        PartialState().wait_for_everyone()


def leave_processes() -> None:
    """At the end of a command: the group's threads stop before the program does."""
    if count_processes() > 1:
        distributed.destroy_process_group()


def begin_alike(model: nn.Module, batches: Batches, start: int, steps: int) -> None:
    """Give all processes the first one's weights, and see that they are about to do the same.

    ValueError: one would begin at another step, take another number of steps, or sees another batch. It reads other
    files, has other options, or another output folder.
    """
    if count_processes() == 1:
        return
    for tensor in model.state_dict().values():
        distributed.broadcast(tensor, src=0)
    ids = batches[start]["input_ids"].flatten()
    checksum = int((ids * torch.arange(1, len(ids) + 1)).sum())
    plans: list[Any] = [None] * count_processes()
    distributed.all_gather_object(plans, (start, steps, checksum))
    if different := [plan for plan in plans if plan != plans[0]]:
        raise ValueError(
            f"the processes are not in one training: (first step, steps, checksum of the first batch) is {plans[0]} in "
            f"process 0 and {different[0]} in another; give all the same files, options and output folder"
        )


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Put the mean over the processes in each gradient's place; what no loss reached stays without one."""
    if count_processes() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    whole = parameters_to_vector(gradients)
    distributed.all_reduce(whole)
    vector_to_parameters(whole / count_processes(), gradients)


def rows_of_each(rows: Tensor) -> list[int]:
    """How many rows each process holds."""
    if count_processes() == 1:
        return [len(rows)]
    counts = [torch.zeros(1, dtype=torch.long, device=rows.device) for _ in range(count_processes())]
    distributed.all_gather(counts, torch.tensor([len(rows)], device=rows.device))
    return [int(count) for count in counts]


def over_processes(rows: Tensor) -> Tensor:
    """The rows (n, ...) of all processes, in their order; each process's gradient flows back to it."""
    if count_processes() == 1:
        return rows
    counts = rows_of_each(rows)
    if max(counts) == 0:
        return rows
    padded = functional.pad(rows, (0, 0) * (rows.dim() - 1) + (0, max(counts) - len(rows)))
    gathered: tuple[Tensor, ...] = _Gather.apply(padded)
    return torch.cat([part[:count] for part, count in zip(gathered, counts, strict=True)])


class _Gather(torch.autograd.Function):
    """All processes' tensors of one shape; backward adds up what every process's loss says about this one's."""

    @staticmethod
    def forward(ctx: object, tensor: Tensor) -> tuple[Tensor, ...]:
        gathered = [torch.empty_like(tensor) for _ in range(count_processes())]
        distributed.all_gather(gathered, tensor.contiguous())
        return tuple(gathered)

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:  # type: ignore[override]
        whole = torch.stack(gradients).contiguous()
        distributed.all_reduce(whole)
        return whole[distributed.get_rank()]
