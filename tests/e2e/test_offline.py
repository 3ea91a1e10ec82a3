"""The whole loop without a network: nothing needs one, and nothing even tries to find one.

Two proofs at once. The loop runs in a network namespace that has only loopback; and every Python
program in it writes down whom it looks up and connects to.
"""

import ipaddress
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import ROOT, environment

LIMIT_S = 900.0
HONE = {"server.cli": "engine", "lsp.cli": "gateway", "trainer.cli": "gateway"}
"""Each program, and what it is configured to speak to."""

pytestmark = [pytest.mark.engine, pytest.mark.long]


def namespace() -> list[str]:
    """The command that runs another in a network namespace of its own."""
    tool = shutil.which("unshare")
    if tool is None:
        pytest.skip("there is no unshare here, so there are no network namespaces")
    command = [tool, "--net"] if os.geteuid() == 0 else [tool, "--net", "--map-root-user"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine gives its users no network namespaces")
    return command


def test_the_loop_needs_and_seeks_no_network(tmp_path: Path) -> None:
    command = [*namespace(), sys.executable, "-m", "tests.e2e.offline", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(tmp_path), timeout=LIMIT_S, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    ports = json.loads((tmp_path / "ports.json").read_text())
    seen = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    spoken = {name: contacts(seen, name) for name in HONE}
    for name, peer in HONE.items():
        assert spoken[name] == {("127.0.0.1", ports[peer])}, name
    abroad = [entry for entry in seen if not is_local(entry)]
    assert abroad == []


def contacts(seen: list[dict[str, Any]], program: str) -> set[tuple[Any, ...]]:
    """Whom a program connected to."""
    mine = [entry for entry in seen if program in entry["program"]]
    assert mine, f"{program} left no trace: was it watched?"
    return {tuple(entry["address"]) for entry in mine if entry["event"] == "socket.connect"}


def is_local(entry: dict[str, Any]) -> bool:
    """Whether an address is loopback, this machine's own name, or a file."""
    address = entry["address"]
    if entry["event"].startswith("socket.get"):
        return address in (None, "", "localhost") or is_loopback(address)
    return isinstance(address, str) or is_loopback(address[0])


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
