"""A cold start, by the commands that a person would type: a team's git history, tuned on, makes
suggestions on its later commits better, and goes live through the gate. Nobody has used Hone yet.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from subprocess import CompletedProcess

import pytest

from deploy.demo.house import house_rules
from deploy.demo.rules import Rule
from deploy.demo.tasks import modules, standard_library
from tests.e2e.stack import Gateway, trainer, trainer_alone
from tests.trainer.mining.repositories import commit, repository
from trainer.reserved import is_reserved

COMMITS = 70
"""Of some five edits each; the last three in ten are for validation."""
FEWEST_LINES = 4
TOKENS = 150_000

pytestmark = [pytest.mark.engine, pytest.mark.long]


def test_a_teams_own_history_helps_before_anybody_has_used_it(
    real: Gateway, tmp_path: Path
) -> None:
    mined, own = tmp_path / "mined", tmp_path / "own"
    history = team(tmp_path / "team")
    succeeded(trainer_alone(tmp_path, "mine", str(history), "--mine.output", str(mined)))
    tuning = ("--sft.lora", "true", "--sft.tasks", json.dumps([str(mined)]),
              "--sft.tokens", str(TOKENS), "--sft.output", str(own))  # fmt: skip
    succeeded(trainer_alone(tmp_path, "sft", *tuning))
    before = exact_match(real, mined, tmp_path / "before")
    after = exact_match(real, mined, tmp_path / "after", "--adapter", str(own))
    assert after > before

    succeeded(trainer(real, "adopt", str(mined), "--adapter", str(own)))
    assert real.get("/v1/status")["live"] == "hone-000001"


def team(folder: Path) -> Path:
    """Make the history of a team that spells names in a way of its own, a word at a time."""
    found = [module for module in modules(standard_library()) if is_reserved(module[0])]
    Random(0).shuffle(found)
    texts = dict(found)
    commit(repository(folder), texts)
    changes = ((path, rule) for path in texts for rule in house_rules())
    for day, (path, after) in enumerate(islice(_followed(changes, texts), COMMITS), 2):
        commit(folder, {path: after}, day=day)
    return folder


def _followed(
    changes: Iterable[tuple[str, Rule]], texts: dict[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield modules with one rule followed in many of their lines; `texts` keeps up."""
    for path, rule in changes:
        lines = texts[path].split("\n")
        for rewrite in rule.rewrites(lines):
            if len(rewrite) >= FEWEST_LINES:
                texts[path] = "\n".join(rewrite.get(at, line) for at, line in enumerate(lines))
                yield path, texts[path]


def exact_match(gateway: Gateway, mined: Path, output: Path, *flags: str) -> float:
    """Return what `evaluate` reports on the latest commits."""
    asked = (str(mined), "--evaluate.output", str(output), *flags)
    succeeded(trainer(gateway, "evaluate", *asked))
    (report,) = output.rglob("report.json")
    return json.loads(report.read_text("utf-8"))["metrics"]["exact_match"]["value"]


def succeeded(said: CompletedProcess[str]) -> None:
    print(said.stdout)
    assert said.returncode == 0, said.stdout + said.stderr
