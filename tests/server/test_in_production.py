"""`hone-server` as a company runs it: over TLS with keys, and with a log that shows no code."""

import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from feedback_store.events import Scope
from server.auth import KeyRing
from tests.server import standin
from tests.server.samples import event, feedback, suggestion
from tests.server.serving import STARTUP_S, StandIn, wait_for
from tests.server.test_cli import ROOT, free_port, remote

MARK = "qzxjv_marker"
"""A word that stands in every text that is sent, and nowhere else."""


@contextmanager
def logged(folder: Path, url: str, *flags: str, **client: Any) -> Iterator[httpx.Client]:
    """Run the program with what it says in FOLDER/gateway.log; yield a client once it is ready."""
    command = [sys.executable, "-m", "server.cli", "run", "--data.folder", str(folder / "data")]
    command += ["--listen.port", url.rpartition(":")[2], *flags]
    with (folder / "gateway.log").open("wb") as log:
        child = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            with httpx.Client(base_url=url, timeout=STARTUP_S, trust_env=False, **client) as asking:
                wait_for(lambda: _ready(asking) or child.poll() is not None)
                yield asking
        finally:
            child.terminate()
            child.wait(STARTUP_S)


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[list[str], Path]:
    """The flags that serve a certificate, and the file of its authority."""
    authority = trustme.CA()
    made = authority.issue_cert("localhost")
    chain, key, ca = tmp_path / "chain.pem", tmp_path / "key.pem", tmp_path / "ca.pem"
    for number, blob in enumerate(made.cert_chain_pems):
        blob.write_to_path(str(chain), append=number > 0)
    made.private_key_pem.write_to_path(str(key))
    authority.cert_pem.write_to_path(str(ca))
    return ["--listen.tls_cert", str(chain), "--listen.tls_key", str(key)], ca


def test_over_tls_nothing_is_sent_in_the_clear(
    engine: StandIn, tmp_path: Path, certificate: tuple[list[str], Path]
) -> None:
    flags, ca = certificate
    trust = ssl.create_default_context(cafile=str(ca))
    (tmp_path / "data").mkdir()
    key = KeyRing(tmp_path / "data").create("ada", "ops", [Scope.ADMIN])
    url = f"https://localhost:{free_port()}"
    with logged(tmp_path, url, *flags, *remote(engine), verify=trust) as client:
        answer = client.get("/v1/hello", headers={"Authorization": f"Bearer {key}"})
        assert answer.is_success
        assert answer.headers["strict-transport-security"].startswith("max-age=")
        signed = client.post("/login", data={"key": key})
        assert "secure" in signed.headers["set-cookie"].lower().split("; ")
        with pytest.raises(httpx.TransportError):
            httpx.get(url.replace("https", "http") + "/livez", trust_env=False)


def test_no_code_in_the_logs_whatever_happens(tmp_path: Path) -> None:
    """The gateway's own and the engine's, of a gateway that starts its engine."""
    url = f"http://127.0.0.1:{free_port()}"
    flags = ["--engine.script", standin.__file__, "--observe.log", "json"]
    with logged(tmp_path, url, *flags, "--suggest.holdout_share", "0") as client:
        asked = _marked()
        known = client.post("/v1/suggest", json=asked).json()["suggestion_id"]
        client.post("/v1/suggest", json=asked | {"deadline_ms": 0.01})
        client.post("/v1/suggest", json=asked | {MARK: MARK})
        client.post("/v1/suggest", content=f"{{{MARK}".encode())
        client.post("/v1/suggest", json=asked | {"context": asked["context"] | {"region": MARK}})
        settled = event(known, 1, "settled", settled_text=MARK, accepted_text=MARK)
        client.post("/v1/feedback", json=feedback(settled, event("no-such", 2)))
        client.post("/v1/feedback", json=feedback({MARK: MARK}))
        for body in ({"prompt": MARK}, {"prompt": MARK, "stream": True}, {"prompt": [MARK]}):
            client.post("/v1/completions", json={"model": "hone", "max_tokens": 4} | body)
        client.post("/v1/rollouts", json={"wire": 1, "prompts": [MARK]})
        client.get(f"/{MARK}", params={MARK: MARK}, headers={"Authorization": f"Bearer {MARK}"})
        assert client.get("/readyz").is_success
    logs = [tmp_path / "gateway.log", tmp_path / "data" / "engine.log"]
    lines = [line for log in logs for line in log.read_text("utf-8").splitlines()]
    assert any(_is_json(line) for line in lines)
    assert [line for line in lines if MARK in line] == []


def _marked() -> dict[str, Any]:
    asked = suggestion(instruction=None)
    context = asked["context"]
    code = {name: f"{context[name]}# {MARK}\n" for name in ("prefix", "region", "suffix")}
    diff = {"path": f"{MARK}.py", "diff": f"+{MARK} = 1\n"}
    more = {"path": f"{MARK}.py", "recent_edits": [*context["recent_edits"], diff]}
    return asked | {"context": context | code | more}


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
