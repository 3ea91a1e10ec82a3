"""The reward for verl: `custom_reward_function.path=pkg://trainer.integrations.verl_reward`.

verl gives the answer's text without special tokens, and the task as the Parquet row holds it. That
an answer was cut off verl does not say: it then fails to parse, or ends early and earns what it is.

Knows the row's task. Does not know verl.
"""

import json
from functools import lru_cache
from typing import Any

from feedback_store.events import EditContext, Reason
from server.prompts.profiles import profile_for
from trainer.reward import Reward, Task, named
from trainer.syntax import Syntax


def compute_score(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None, **_: Any
) -> float:
    """Return what an answer is worth, in [0, 1].

    Args:
        data_source: `hone/PROFILE`, whose prompt format reads the answer.
        solution_str: the answer's text.
        ground_truth: what `task_text` wrote.
    """
    profile = profile_for(data_source.removeprefix("hone/"))
    told = json.loads(ground_truth)
    task = Task(
        context=EditContext.model_validate(told["context"]),
        references=tuple(told["references"]),
        refused=tuple(told["refused"]),
        silence=told["silence"],
    )
    parsed = profile.format.parse(task.context, solution_str, finished=True)
    quiet = parsed.reason is Reason.NO_EDIT
    return _reward(told["reward"])(task.context.region if quiet else parsed.new_region, task)


def task_text(task: Task, reward: str) -> str:
    """Return a task as the text that `compute_score` reads."""
    told = {
        "context": task.context.model_dump(mode="json"),
        "references": task.references,
        "refused": task.refused,
        "silence": task.silence,
        "reward": reward,
    }
    return json.dumps(told)


@lru_cache(maxsize=8)
def _reward(name: str) -> Reward:
    """One per process: the grammars are loaded once."""
    return named(name, Syntax)
