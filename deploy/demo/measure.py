"""Measuring a policy on the evaluation tasks: through language servers, and by samples.

Sessions are only observed: feedback is off, so the store gets no row of them. Knows tasks,
records and the rollout route. Does not know when it is called or what is reported.
"""

from collections.abc import Sequence
from pathlib import Path

import httpx
from tokenizers import Tokenizer

from deploy.demo.tasks import Task
from deploy.demo.user import Record, Window, language_of
from feedback_store.events import EditContext, Rollout, RolloutRequest, RolloutResponse
from lsp.context import Limits, build_context
from lsp.document import Document
from lsp.history import History
from server.prompts.profile import ModelProfile
from trainer.metrics import Answer

SAMPLES = 8
SAMPLED_TASKS = 100
PROMPTS_PER_REQUEST = 20
SAMPLING_TIMEOUT_S = 600.0
NOW = 0.0
"""Histories need a clock to coalesce typing; here every step is an edit of its own."""


def answers(records: Sequence[Record], tasks: Sequence[Task]) -> list[Answer]:
    """Return what was suggested for each task, in the tasks' order."""
    by_task = {record.task: record for record in records}
    found = [by_task[task.id] for task in tasks]
    return [
        Answer(
            task=record.task,
            cluster=record.path,
            region=record.before,
            wanted=record.wanted,
            suggestion=record.suggestion,
            accepted=record.act == "accept",
        )
        for record in found
    ]


def context_of(task: Task, profile: ModelProfile) -> EditContext:
    """The context that a language server makes of the task's session.

    Raises:
        ValueError: the language server would not send it.
    """
    document = Document("", language_of(task.path), 1, task.opened, "utf-16", len(task.opened) * 2)
    history = History()
    for number, step in enumerate(task.steps):
        text = "".join(f"{line}\n" for line in step.lines)
        change = document.apply((step.start, 0), (step.end, 0), text)
        if change is not None:
            history.record("", task.path, change, document.lines, NOW + number)
    limits = Limits(
        profile.region_lines, profile.prefix_lines, profile.suffix_lines, profile.recent_edits
    )
    recent = history.recent(limits.recent_edits)
    built = build_context(document, task.path, (task.cursor_line, 0), limits, recent)
    if built is None:
        raise ValueError(f"no context for task {task.id}")
    return built[1]


def sampled(tasks: Sequence[Task]) -> list[Task]:
    """The fixed share of the tasks that pass@8 is measured on."""
    wanting = sorted((task for task in tasks if task.wanted), key=lambda task: task.id)
    return wanting[:SAMPLED_TASKS]


class Sampler:
    """Asks for answers at token level, through the gateway's `/v1/rollouts`."""

    def __init__(self, url: str, profile: ModelProfile, tokenizer_file: Path) -> None:
        self._url = url
        self._profile = profile
        self._tokenizer = Tokenizer.from_file(str(tokenizer_file))
        stops = (self._tokenizer.token_to_id(stop) for stop in profile.format.stop)
        self._stop_ids = tuple(number for number in stops if number is not None)

    def right_answers(self, policy: str | None, tasks: Sequence[Task], seed: int) -> list[int]:
        """Return, per task, how many of SAMPLES samples at temperature 1 equal the wanted edit."""
        counts: list[int] = []
        for start in range(0, len(tasks), PROMPTS_PER_REQUEST):
            part = tasks[start : start + PROMPTS_PER_REQUEST]
            groups = self._ask(policy, part, samples=SAMPLES, temperature=1.0, seed=seed + start)
            counts += [sum(answer.exact for answer in group) for group in groups]
        return counts

    def greedy_answers(self, policy: str | None, tasks: Sequence[Task]) -> list[Answer]:
        """Return the most likely answer to each task, filters and deadlines left out."""
        found: list[Answer] = []
        for start in range(0, len(tasks), PROMPTS_PER_REQUEST):
            part = tasks[start : start + PROMPTS_PER_REQUEST]
            groups = self._ask(policy, part, samples=1, temperature=0.0, seed=None)
            found += [group[0] for group in groups]
        return found

    def _ask(
        self,
        policy: str | None,
        tasks: Sequence[Task],
        *,
        samples: int,
        temperature: float,
        seed: int | None,
    ) -> list[list[Answer]]:
        contexts = [context_of(task, self._profile) for task in tasks]
        texts = [self._profile.format.render(context, self._profile.budget) for context in contexts]
        request = RolloutRequest(
            policy=policy,
            prompts=tuple(tuple(self._tokenizer.encode(str(text)).ids) for text in texts),
            samples=samples,
            max_tokens=self._profile.budget.answer_tokens,
            temperature=temperature,
            seed=seed,
            stop_token_ids=self._stop_ids,
        )
        answer = httpx.post(
            f"{self._url}/v1/rollouts",
            content=request.model_dump_json(),
            headers={"content-type": "application/json"},
            timeout=SAMPLING_TIMEOUT_S,
            trust_env=False,
        )
        answer.raise_for_status()
        groups = RolloutResponse.model_validate_json(answer.content).groups
        return [
            [self._read(task, context, rollout) for rollout in group]
            for task, context, group in zip(tasks, contexts, groups, strict=True)
        ]

    def _read(self, task: Task, context: EditContext, rollout: Rollout) -> Answer:
        """Turn a rollout into what a user would see around the cursor."""
        finished = rollout.finish_reason == "stop"
        parsed = self._profile.format.parse(context, rollout.text, finished=finished)
        window = Window.around(task.before, task.cursor_line)
        shown = None
        if parsed.new_region is not None:
            lines = task.before.split("\n")[: context.region_first_line]
            head = "".join(f"{line}\n" for line in lines)
            tail = task.before[len(head) + len(context.region) :]
            shown = window.of(head + parsed.new_region + tail)
        return Answer(
            task=task.id,
            cluster=task.path,
            region=window.of(task.before),
            wanted=window.of(task.after),
            suggestion=shown,
        )
