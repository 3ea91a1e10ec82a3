"""Which weights a run starts from, and which it is compared with.

Usually both are the live version's. Now and then a run starts from the base model instead, on more
of the older feedback: what many small updates have added up to is then learnt anew, and a live
version that can no longer be improved is a dead end left behind.

Knows versions, runs and their results. Does not know training.
"""

from dataclasses import dataclass
from pathlib import Path

from feedback_store.publish import next_number
from trainer.adapters import ADAPTERS, POLICY_NAME, Shelf
from trainer.config import RestartSection
from trainer.gateway import Gateway
from trainer.model import AdapterState, Policy, zero_state
from trainer.records import decided, interrupted


@dataclass(frozen=True)
class Parent:
    """A version and its weights; the base model (B = 0) where it has no name."""

    name: str | None
    state: AdapterState


def live_parent(gateway: Gateway, shelf: Shelf, policy: Policy) -> Parent:
    """Return the version that serves; the base model where that does."""
    live = gateway.live()
    return base(policy) if live is None else Parent(live.name, shelf.policy(live.name))


def base(policy: Policy) -> Parent:
    """Return the base model as a parent: a fresh adapter with B = 0."""
    return Parent(None, zero_state(policy))


def restart_reason(data: Path, asked: RestartSection) -> str | None:
    """Return why the next run starts from the base model, or None if it does not.

    A run that was interrupted goes on as it began.
    """
    begun = interrupted(data)
    if begun.get("batches"):
        return begun.get("restart")
    results = decided(data)[-asked.after_refusals :] if asked.after_refusals else []
    if results and len(results) == asked.after_refusals and set(results) == {"refused"}:
        return f"the last {len(results)} runs were refused"
    number = next_number(data / ADAPTERS, POLICY_NAME)
    if asked.every and number % asked.every == 0:
        return f"the next version's number is {number}, and every {asked.every}th starts anew"
    return None
