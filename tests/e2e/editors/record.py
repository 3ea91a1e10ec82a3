"""Record real editors into tests/lsp/traces: `python -m tests.e2e.editors.record [NAME...]`.

Knows how a recording is made anonymous. Does not know what is done in it (`sessions`).
"""

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.e2e.editors.desk import Desk
from tests.e2e.editors.sessions import NOT_TAKEN, SESSIONS
from tests.e2e.stack import ROOT, gateway
from tests.server.serving import ENGINE_KEY, stand_in

TRACES = ROOT / "tests" / "lsp" / "traces"


def record(name: str, folder: Path) -> None:
    """Record one session; what the user did not take is the rest of what he was offered."""
    with stand_in() as engine:
        env = {
            "HONE_SERVER_ENGINE__MANAGED": "false",
            "HONE_SERVER_ENGINE__URL": engine.url,
            "HONE_SERVER_ENGINE__KEY": ENGINE_KEY,
        }
        with gateway(folder / "gateway", env) as running:
            desk = Desk(running, engine, folder / "user", lines=200)
            taken = SESSIONS[name](desk)
            truth = {offer: taken.get(offer, NOT_TAKEN) for offer in desk.offers()}
            assert taken.keys() <= truth.keys(), "everything taken was offered"
            print(f"{name}: {confusion(desk, truth)}")
            text = anonymous(desk.transcript.read_text(encoding="utf-8"), desk)
    (TRACES / f"{name}.jsonl").write_text(
        text + json.dumps({"truth": truth}) + "\n", encoding="utf-8"
    )


def confusion(desk: Desk, truth: dict[str, str]) -> dict[str, int]:
    """Count what each suggestion was in truth, and what the store says became of it."""
    desk.gateway.stop()
    rows = desk.gateway.stored("SELECT suggestion_id, outcome FROM outcomes")
    outcomes = {row["suggestion_id"]: row["outcome"] for row in rows}
    pairs = (f"{true} -> {outcomes.get(offer, 'unknown')}" for offer, true in truth.items())
    return dict(Counter(pairs))


def anonymous(text: str, desk: Desk) -> str:
    """Take the places of one machine out of a transcript."""
    for place, instead in (
        (str(desk.workspace), "/workspace"),
        (str(desk.folder), "/user"),
        (str(ROOT), "/hone"),
    ):
        text = text.replace(place, instead)
    return text


def main(names: list[str]) -> None:
    """Record the sessions named, or all."""
    TRACES.mkdir(exist_ok=True)
    for name in names or SESSIONS:
        with tempfile.TemporaryDirectory(prefix="hone-") as folder:
            record(name, Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
