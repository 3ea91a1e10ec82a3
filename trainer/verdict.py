"""The end of a cycle: the evidence is judged, the gateway told, the batches spent or not.

Knows results and who is told. Does not know how the adapter came to be, nor the gate's rules.
"""

from collections.abc import Sequence
from enum import IntEnum

from feedback_store.events import Decision
from trainer import run_state
from trainer.batches import Split
from trainer.gate import Judgement, Verdict, judge
from trainer.gate_run import Version, gather, settings_of
from trainer.gateway import Gateway
from trainer.workbench import Bench


class Result(IntEnum):
    """How a cycle ended; the numbers are the exit codes of `hone-trainer run`."""

    PROMOTED = 0
    REFUSED = 3
    TOO_LITTLE = 4


STANDS = {
    "live": "is live",
    "canary": "answers a share of sessions first",
    "candidate": "passed, and waits to be promoted by hand",
}
"""What the gateway makes of a decision."""


def judged(bench: Bench, new: Version, live: Version, parts: Split) -> Judgement:
    """Gather the evidence on `new` against `live`, and judge it."""
    evidence = gather(bench, new, live, parts)
    return judge(evidence, settings_of(bench), bench.settings.train.seed)


def decide(
    bench: Bench, gateway: Gateway, batches: Sequence[int], name: str, judgement: Judgement
) -> Result:
    """Tell the gateway; only then are the batches spent, so a crash between offers them again."""
    passed = judgement.verdict is Verdict.PASSED
    why = judgement.why
    bench.run.describe(verdict=judgement.verdict.value, why=why, gate=judgement.inputs)
    inputs = judgement.inputs | {"verdict": judgement.verdict.value, "run": bench.run.name}
    stands = gateway.decide(Decision(policy=name, passed=passed, why=why, inputs=inputs)).status
    for number in batches:
        gateway.set_batch_state(number, "spent" if passed else "offered", name)
    result = {
        Verdict.PASSED: Result.PROMOTED,
        Verdict.REFUSED: Result.REFUSED,
        Verdict.TOO_LITTLE: Result.TOO_LITTLE,
    }[judgement.verdict]
    bench.run.describe(result=result.name.lower())
    run_state.forget(bench.run)
    bench.display.say(f"{name} {STANDS.get(stands, 'stays unserved')}: {why}")
    return result
