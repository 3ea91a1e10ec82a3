"""Which weights a run starts from, and which it is compared with.

Usually both are the live version's. Now and then a run starts from the base model instead, on more
of the older feedback: what many small updates have added up to is then learnt anew, and a live
version that can no longer be improved is a dead end left behind.

Knows versions, runs and their results. Does not know training.
"""

from pathlib import Path

from feedback_store.publish import next_number
from trainer.adapters import ADAPTERS, POLICY_NAME, Shelf
from trainer.config import RestartSection
from trainer.gate_run import Version
from trainer.gateway import Gateway
from trainer.model import Policy, zero_state
from trainer.records import decided, interrupted


def live_parent(gateway: Gateway, shelf: Shelf, policy: Policy) -> Version:
    """Return the version that serves; the base model where that does."""
    live = gateway.live()
    return base(policy) if live is None else Version(live.name, shelf.policy(live.name))


def base(policy: Policy) -> Version:
    """Return the base model as a parent: a fresh adapter with B = 0."""
    return Version(None, zero_state(policy))


def restart_reason(data: Path, asked: RestartSection, live: str | None) -> str | None:
    """Return why the next run starts from the base model, or None if it starts from `live`.

    A run that was interrupted goes on as it began, if it began with these settings.
    """
    begun = interrupted(data)
    told = begun.get("settings", {}).get("restart")
    if begun.get("batches") and told == asked.model_dump(mode="json") and begun["live"] == live:
        return begun.get("restart")
    refused = _refused_in_a_row(data, live)
    if asked.after_refusals and refused >= asked.after_refusals:
        return f"the last {refused} runs were refused"
    number = next_number(data / ADAPTERS, POLICY_NAME)
    if asked.every and number % asked.every == 0:
        return f"the next version's number is {number}, and every {asked.every}th starts anew"
    return None


def _refused_in_a_row(data: Path, live: str | None) -> int:
    """Return how many runs from this live version were refused, one after the other, at last.

    One that started anew ends the row: whatever came of it, the next tries the live version again.
    """
    count = 0
    for facts in reversed(decided(data)):
        refused = facts["result"] == "refused" and facts.get("restart") is None
        if not refused or facts.get("live") != live:
            break
        count += 1
    return count
