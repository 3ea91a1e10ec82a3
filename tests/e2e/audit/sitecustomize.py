"""Writes down every address that a Python program looks up or connects to.

Python imports this at its start when the folder is on PYTHONPATH; tests/e2e/offline.py puts it
there. Knows one file, named in the environment.
"""

import json
import os
import sys
from typing import Any

WATCHED = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname")


def watch(log: str) -> None:
    """Append a line to `log` for each event from now on."""
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in WATCHED:
            address = arguments[0] if event.startswith("socket.get") else arguments[1]
            entry = {"program": list(sys.orig_argv), "event": event, "address": address}
            os.write(file, json.dumps(entry, default=repr).encode() + b"\n")

    sys.addaudithook(hook)


if path := os.environ.get("PYTHON_AUDIT_LOG"):
    watch(path)
