"""The phases of the loop, each a function: prepare, serve, measure, live with it, learn.

Knows their order, sizes and settings. Does not know how anything is shown (deploy.demo.screen)
or computed.
"""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.demo.habits import Noise
from deploy.demo.measure import Sampler, answers, sampled
from deploy.demo.report import Side
from deploy.demo.screen import Screen
from deploy.demo.stack import Gateway, Place, StackError, run_users
from deploy.demo.tasks import Task
from deploy.demo.taskset import share_out
from deploy.demo.user import Job, Record, read_records
from feedback_store.events import (
    Client,
    EditContext,
    FeedbackLevel,
    SuggestRequest,
)
from server.prompts.profiles import profile_for

PROMOTED, REFUSED, TOO_LITTLE = 0, 3, 4
"""Exit codes of `hone-trainer run`."""
LOST = frozenset({"deadline", "overloaded", "gateway_down", "engine_down"})


@dataclass(frozen=True)
class Plan:
    """The sizes and clocks of one run."""

    learning: int = 375
    evaluation: int = 400
    users: int = 24
    users_at_once: int = 8
    observers: int = 16
    quiet_s: float = 0.3
    longest_wait_s: float = 10.0
    horizons_s: tuple[float, ...] = (0.0, 0.1, 0.2)
    deadline_ms: float = 30_000.0
    """Long, since sixteen observers share two cores; answers lost to it are counted."""
    noise: Noise = field(default_factory=Noise)
    seed: int = 0
    profile: str = "hone-tiny"


class Loop:
    """One run on one stack."""

    def __init__(self, plan: Plan, place: Place, gateway: Gateway, screen: Screen) -> None:
        self.plan = plan
        self.place = place
        self.gateway = gateway
        self.screen = screen
        self._profile = profile_for(plan.profile)
        model = Path(__file__).parents[2] / "server" / "models" / plan.profile
        self.sampler = Sampler(gateway.url, self._profile, model / "tokenizer.json")

    def measure(self, name: str, tasks: Sequence[Task]) -> Side:
        """Show every task to an observer and sample some; leave no trace in the store."""
        records = self._sessions(name, tasks, self.plan.observers, observe=True)
        chosen = sampled(tasks)
        with self.screen.phase(f"{name}: 8 samples for each of {len(chosen)} tasks"):
            right = self.sampler.right_answers(self.live_policy(), chosen, self.plan.seed)
        lost = sum(record.silence in LOST for record in records)
        return Side(answers(records, tasks), right, lost)

    def use(self, tasks: Sequence[Task]) -> list[Record]:
        """Let users live with the suggestions."""
        return self._sessions("users", tasks, self.plan.users_at_once, observe=False)

    def train(self, *command: str) -> int:
        """Run `hone-trainer` on what the store holds; its exit code.

        Raises:
            StackError: it failed.
        """
        env = {**os.environ, "HONE_TRAINER_CONFIG": str(self.place.empty_config)}
        flags = ["--gateway.url", self.gateway.url, "--data.folder", str(self.place.data)]
        flags += ["--train.seed", str(self.plan.seed)]
        done = subprocess.run(
            [sys.executable, "-m", "trainer.cli", *command, *flags], env=env, check=False
        )
        if done.returncode not in (PROMOTED, REFUSED, TOO_LITTLE):
            raise StackError(f"hone-trainer {command[0]} failed (exit code {done.returncode})")
        return done.returncode

    def status(self) -> dict[str, Any]:
        """The gateway's status."""
        answer = httpx.get(f"{self.gateway.url}/v1/status", trust_env=False, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def answers_by_policy(self) -> dict[str, int]:
        """How many suggestions each policy has answered, observed sessions included."""
        answer = httpx.get(f"{self.gateway.url}/metrics", trust_env=False, timeout=30)
        answer.raise_for_status()
        counts: Counter[str] = Counter()
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                if sample.name == "hone_suggestions_total":
                    counts[sample.labels["policy"]] += round(sample.value)
        return dict(sorted(counts.items()))

    def live_policy(self) -> str | None:
        """The name of the policy that editors are served; None is the base model."""
        return self.status()["live"]

    def _sessions(
        self, name: str, tasks: Sequence[Task], at_once: int, *, observe: bool
    ) -> list[Record]:
        folder = self.place.users / name
        folder.mkdir(parents=True, exist_ok=True)
        count = self.plan.observers if observe else self.plan.users
        jobs = [
            self._job(folder, f"{name}-{number:02}", hand, observe)
            for number, hand in enumerate(share_out(tasks, count))
        ]
        with self.screen.counted(f"{name}: editing sessions", len(tasks)) as progress:
            run_users(jobs, folder, at_once, progress)
        return [record for job in jobs for record in read_records(Path(job.output))]

    def _job(self, folder: Path, name: str, tasks: tuple[Task, ...], observe: bool) -> Job:
        horizons = ",".join(map(str, self.plan.horizons_s))
        return Job(
            name=name,
            tasks=tasks,
            workspace=str(folder / name),
            output=str(folder / f"{name}.jsonl"),
            observe=observe,
            noise=Noise(wrong=0.0, unrelated=0.0) if observe else self.plan.noise,
            seed=self.plan.seed,
            gateway=self.gateway.url,
            settings={
                "HONE_LSP_CONFIG": str(self.place.empty_config),
                "HONE_LSP_SETTLING__QUIET_S": str(self.plan.quiet_s),
                "HONE_LSP_SETTLING__LONGEST_WAIT_S": str(self.plan.longest_wait_s),
                "HONE_LSP_SETTLING__HORIZONS_S": f"[{horizons}]",
                "HONE_LSP_SUGGEST__DEADLINE_MS": str(self.plan.deadline_ms),
                # One question for each answer that is looked at.
                "HONE_LSP_SUGGEST__AHEAD": "false",
                "HONE_LSP_SUGGEST__REACH": "cursor",
            },
        )


class SteadyEditor:
    """Keeps asking for suggestions while adapters are swapped, and counts what fails."""

    PAUSE_S = 0.5

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask_on, daemon=True)
        self.asked = 0
        self.failed = 0
        self.policies: dict[str, int] = {}

    @contextmanager
    def asking(self) -> Iterator["SteadyEditor"]:
        """Ask from another thread for as long as the block runs."""
        self._thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join(timeout=60)

    def _ask_on(self) -> None:
        with httpx.Client(base_url=self._url, trust_env=False, timeout=60) as client:
            while not self._stop.is_set():
                self.asked += 1
                answer = self._ask(client)
                if answer is None or answer.get("outcome") in ("failed", "invalid"):
                    self.failed += 1
                else:
                    name = answer["policy_version"]
                    self.policies[name] = self.policies.get(name, 0) + 1
                time.sleep(self.PAUSE_S)

    def _ask(self, client: httpx.Client) -> dict[str, Any] | None:
        try:
            answer = client.post("/v1/suggest", json=_small_request().model_dump(mode="json"))
        except httpx.TransportError:
            return None
        return answer.json() if answer.status_code == 200 else None


def _small_request() -> SuggestRequest:
    context = EditContext(
        path="steady.py",
        language="python",
        prefix="",
        region="def first(value):\n    return value\n",
        suffix="",
        region_first_line=0,
        cursor_line=0,
        cursor_character=0,
    )
    return SuggestRequest(
        session="steady",
        workspace="steady",
        client=Client(name="hone-demo"),
        document="steady",
        document_version=1,
        context=context,
        level=FeedbackLevel.OFF,
        deadline_ms=30_000.0,
        client_time=time.time(),
    )
