"""The loop in a network namespace that has only loopback; started there by test_offline.

    unshare --net [--map-root-user] python -m tests.e2e.offline FOLDER

The gateway manages its own vLLM here, so everything that Hone ever starts is inside. Every
program writes down whom it speaks to (tests/e2e/audit/sitecustomize.py).
"""

import fcntl
import json
import os
import socket
import struct
import sys
from pathlib import Path

from tests.e2e.loop import learn_once
from tests.e2e.stack import gateway

AUDIT = Path(__file__).parent / "audit"
LOG_VARIABLE = "PYTHON_AUDIT_LOG"
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def raise_loopback() -> None:
    """Bring `lo` up; a new namespace has it down. Fails where this is the machine's own."""
    names = [name for _, name in socket.if_nameindex()]
    assert names == ["lo"], f"this is no namespace of its own: {names}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        _, flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def main(folder: Path) -> None:
    """Go around the loop; leave the addresses that were configured in `ports.json`."""
    raise_loopback()
    os.environ[LOG_VARIABLE] = str(folder / "audit.jsonl")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(AUDIT), os.environ.get("PYTHONPATH", "")])
    with gateway(folder, {}) as running:
        engine = json.loads((running.data / "engine.json").read_text())
        learn_once(running, folder)
        ports = {"gateway": running.port, "engine": engine["port"]}
        (folder / "ports.json").write_text(json.dumps(ports))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
