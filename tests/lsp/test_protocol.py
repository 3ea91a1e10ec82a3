"""What pygls' protocol must not keep."""

import asyncio
import json

import pytest

from lsp.app import build
from lsp.config import Settings


class Nowhere:
    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize("method", ["textDocument/didClose", "workspace/executeCommand"])
def test_a_notification_leaves_nothing_behind(method: str) -> None:
    async def scene() -> None:
        protocol = build(Settings(), {}).protocol
        protocol.set_writer(Nowhere())
        params = {"textDocument": {"uri": "file:///a.py"}, "command": "hone.status"}
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params})
        protocol.handle_message(json.loads(body, object_hook=protocol.structure_message))
        await asyncio.sleep(0)
        assert not protocol._request_futures

    asyncio.run(scene())
