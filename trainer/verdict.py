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
from trainer.gateway import Gateway, GatewayError
from trainer.workbench import Bench

CONFLICT = 409


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
    verdict, why = judgement.verdict, judgement.why
    bench.run.describe(verdict=verdict.value, why=why, gate=judgement.inputs)
    inputs = judgement.inputs | {"verdict": verdict.value, "run": bench.run.name}
    decision = Decision(policy=name, passed=verdict is Verdict.PASSED, why=why, inputs=inputs)
    try:
        stands = gateway.decide(decision).status
    except GatewayError as error:
        if error.status != CONFLICT or not _was_refused(gateway, name):
            raise
        # Decided already, by who may. Raised, the run would go on and publish the same once more.
        verdict, why, stands = Verdict.REFUSED, "an administrator refused it", "refused"
    passed = verdict is Verdict.PASSED
    for number in batches:
        gateway.set_batch_state(number, "spent" if passed else "offered", name)
    result = {
        Verdict.PASSED: Result.PROMOTED,
        Verdict.REFUSED: Result.REFUSED,
        Verdict.TOO_LITTLE: Result.TOO_LITTLE,
    }[verdict]
    bench.run.describe(result=result.name.lower())
    run_state.forget(bench.run)
    bench.display.say(f"{name} {STANDS.get(stands, 'stays unserved')}: {why}")
    return result


def _was_refused(gateway: Gateway, name: str) -> bool:
    return any(one.name == name and one.status == "refused" for one in gateway.policies())
