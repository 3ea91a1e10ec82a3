"""Simulated users for the store's benchmark: sessions, suggestions, and what became of them.

Knows how often what happens and how long texts are. Does not know the store. The shares are of the
order that published studies of code completion report; what matters here is that every kind of
entry occurs in a realistic mix. Text is cut from this repository's own source, so that it is as
compressible as code is.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from feedback_store.entries import NewEntry

USERS, TEAMS = 400, 12
LANGUAGES = ("python", "typescript", "go", "java", "rust", "cpp")
HORIZONS_S = (0.0, 5.0, 30.0, 120.0, 300.0, 600.0, 900.0)
OUTCOMES = {
    "accepted": 18,
    "partially_accepted": 3,
    "rejected": 7,
    "typed_through": 6,
    "diverged": 22,
    "superseded": 14,
    "expired": 13,
    "stale": 3,
    "withheld": 11,
    "invalid": 2,
    "failed": 1,
}
"""Percent of all suggestions."""
SIZES = {"prefix": 600, "region": 160, "suffix": 300, "diff": 120, "prompt": 260, "answer": 24}
"""Typical lengths: characters, and tokens for the last two; each is drawn from half to twice."""
SILENT = ("withheld", "invalid", "failed")
KEPT = ("accepted", "partially_accepted")
BATCH = 100
"""Events that a spool sends at once."""


def describe() -> str:
    """Say in one line what is simulated."""
    sizes = ", ".join(f"{name} {size}" for name, size in SIZES.items())
    return f"{USERS} users in {TEAMS} teams; characters and tokens a suggestion: {sizes}"


@dataclass
class User:
    """One user's editor: a spool with its numbers."""

    name: str
    team: str
    language: str
    spool: list[NewEntry] = field(default_factory=list)
    seq: int = 0


class Company:
    """All users. `batches` yields what reaches the store, in the order in which it does."""

    def __init__(self, seed: int = 0) -> None:
        self._draw = Random(seed)
        self._text = _source()
        self._ids = [self._draw.randrange(4096) for _ in range(20_000)]
        self._logprobs = [round(-self._draw.expovariate(2), 4) for _ in range(20_000)]
        self._numbers = itertools.count(1)
        self._gateway_seq = itertools.count(1)
        self._day = 0
        self._users = [
            User(f"user-{i:04d}", f"team-{i % TEAMS:02d}", self._draw.choice(LANGUAGES))
            for i in range(USERS)
        ]

    def batches(self, events: int, days: int = 1) -> Iterator[tuple[int, list[NewEntry]]]:
        """Yield about `events` events in batches, each with the day it belongs to."""
        made, waiting = 0, list[NewEntry]()
        while made < events:
            self._day = made * days // events
            user = self._draw.choice(self._users)
            waiting.append(self._suggestion(user))
            made += 1
            if len(waiting) == BATCH:
                yield self._day, waiting
                # Feedback follows its suggestion: what was made before this batch is sent now.
                waiting = []
                for ready in (one for one in self._users if len(one.spool) >= BATCH):
                    made += BATCH
                    yield self._day, ready.spool[:BATCH]
                    del ready.spool[:BATCH]

    def _suggestion(self, user: User) -> NewEntry:
        draw, number = self._draw, next(self._numbers)
        outcome = draw.choices(list(OUTCOMES), list(OUTCOMES.values()))[0]
        suggestion_id = f"{draw.getrandbits(128):032x}"
        answer = self._length("answer")
        silent = outcome in SILENT
        payload = {
            "suggestion_id": suggestion_id,
            "session": f"{user.name}-{self._day}",
            "workspace": f"workspace-{user.team}",
            "client": {"name": "Neovim", "version": "0.11"},
            "document": f"document-{number % 500}",
            "document_version": number % 1000,
            "level": "full",
            "language": "",
            "policy_version": f"hone-{1 + self._day // 3:06d}",
            "base_model": "hone-tiny",
            "prompt_format": "region",
            "profile": "hone-tiny",
            "temperature": 0.0,
            "prompt_token_ids": self._some(self._ids, self._length("prompt")),
            "output_token_ids": self._some(self._ids, answer),
            "output_logprobs": self._some(self._logprobs, answer),
            "output_text": self._code("region"),
            "finish_reason": "stop",
            "context": self._context(user),
            "new_region": None if silent else self._code("region"),
            "outcome": outcome if silent else None,
            "reason": "no_edit" if silent else None,
            "holdout": draw.random() < 0.03,
            "engine_ms": round(draw.lognormvariate(4.5, 0.5), 1),
            "created_at": 1_790_000_000.0 + self._day * 86_400 + number % 30_000,
        }
        self._feedback(user, suggestion_id, outcome)
        seq = next(self._gateway_seq)
        return NewEntry("gateway-bench", seq, "suggestion", user.name, user.team, payload)

    def _context(self, user: User) -> dict[str, Any]:
        edits = [{"path": "src/module.py", "diff": self._code("diff")} for _ in range(2)]
        return {
            "path": f"src/package/module_{self._draw.randrange(300)}.py",
            "language": user.language,
            "prefix": self._code("prefix"),
            "region": self._code("region"),
            "suffix": self._code("suffix"),
            "region_first_line": self._draw.randrange(400),
            "cursor_line": 2,
            "cursor_character": 8,
            "recent_edits": edits,
            "diagnostics": [],
            "excerpts": [],
        }

    def _feedback(self, user: User, suggestion_id: str, outcome: str) -> None:
        """Put into the user's spool what the editor will report of a suggestion."""
        shown = "no" if outcome in (*SILENT, "stale") else "yes"
        visible = None if shown == "no" else round(self._draw.expovariate(1 / 2500), 1)
        settling = {"quiet_s": 10.0, "longest_wait_s": 300.0, "horizons_s": list(HORIZONS_S)}
        facts = {"outcome": outcome, "shown": shown, "reason": None, "visible_ms": visible}
        self._event(
            user, "outcome", suggestion_id, facts | {"waited_ms": 180.0, "settling": settling}
        )
        kept = self._code("region") if outcome in KEPT else None
        settled = {"settled_by": "quiet", "region_changed": outcome not in ("expired", "stale")}
        settled |= {"settled_text": self._code("region"), "accepted_text": kept, "undone": False}
        settled |= {"branch_switch": False, "bulk_change": False}
        self._event(user, "settled", suggestion_id, settled)
        retained = 1.0
        for horizon in HORIZONS_S if outcome in KEPT else ():
            retained = round(retained * self._draw.uniform(0.9, 1.0), 4)
            survival = {"horizon_s": horizon, "last": horizon == HORIZONS_S[-1], "observed": True}
            survival |= {"retained": retained, "four_grams": retained, "reverted": False}
            self._event(user, "survival", suggestion_id, survival)

    def _event(self, user: User, kind: str, suggestion_id: str, more: dict[str, Any]) -> None:
        user.seq += 1
        payload = {
            "schema_version": 1,
            "seq": user.seq,
            "suggestion_id": suggestion_id,
            "session": f"{user.name}-{self._day}",
            "workspace": f"workspace-{user.team}",
            "client": {"name": "Neovim", "version": "0.11"},
            "client_time": 1_790_000_000.0 + self._day * 86_400,
            "level": "full",
            "kind": kind,
            **more,
        }
        producer = f"{user.name}/spool"
        user.spool.append(NewEntry(producer, user.seq, kind, user.name, user.team, payload))

    def _length(self, name: str) -> int:
        return self._draw.randrange(SIZES[name] // 2, SIZES[name] * 2)

    def _code(self, name: str) -> str:
        begin = self._draw.randrange(len(self._text) - 4000)
        return self._text[begin : begin + self._length(name)]

    def _some(self, numbers: list[Any], count: int) -> list[Any]:
        begin = self._draw.randrange(len(numbers) - 4000)
        return numbers[begin : begin + count]


def _source() -> str:
    """Return this repository's Python source as one text."""
    root = Path(__file__).parents[2]
    files = sorted((root / "feedback_store").rglob("*.py")) + sorted((root / "lsp").rglob("*.py"))
    return "".join(file.read_text(encoding="utf-8") for file in files)
