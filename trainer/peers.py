"""Several processes that take the same updates together (`torchrun`), or one alone.

Every process holds the same policy and the same examples, computes the gradients of its share of
the micro-batches, and adds up those of all: the losses are parts of one global batch's, so sums
are all that is needed.

Knows torch.distributed. Does not know policies or losses.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

T = TypeVar("T")


class Peers:
    """The processes of one training run; without `torchrun` there is one."""

    @property
    def rank(self) -> int:
        """This process's number; 0 leads."""
        return dist.get_rank() if dist.is_initialized() else 0

    @property
    def size(self) -> int:
        """How many there are."""
        return dist.get_world_size() if dist.is_initialized() else 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that talks to the gateway and writes files."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Return the items that this process works on."""
        return items[self.rank :: self.size]

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        parts = flat.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def totals(self, own: dict[str, float]) -> dict[str, float]:
        """Return the sums by name of what the processes have counted."""
        if self.size == 1:
            return own
        found: list[dict[str, float]] = [{}] * self.size
        dist.all_gather_object(found, own)
        names = sorted({name for one in found for name in one})
        return {name: sum(one.get(name, 0.0) for one in found) for name in names}

    def told(self, value: Any) -> Any:
        """Return what the leading process has as `value`, in every process."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]


class Announcement:
    """One message of the leader that the others wait for; None if it never came to it."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self._told = False

    def __enter__(self) -> "Announcement":
        return self

    def __exit__(self, *error: object) -> None:
        if not self._told:
            self.tell(None)

    def tell(self, value: Any) -> None:
        """Let the others go on."""
        self._told = True
        self._peers.told(value)


@contextmanager
def peers() -> Iterator[Peers]:
    """Join the processes that `torchrun` started, for the length of the block."""
    started = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if started:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Peers()
    finally:
        if started:
            dist.destroy_process_group()
