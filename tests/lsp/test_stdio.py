"""Standard input, however an editor writes to it and however it ends."""

import json

from tests.lsp.conftest import Launch
from tests.lsp.editor import WAIT_S, Editor

ASK = {"method": "workspace/executeCommand", "params": {"command": "hone.status"}}


def test_a_message_that_comes_in_pieces(launch: Launch) -> None:
    editor = launch()
    editor.initialize()
    body = json.dumps({"jsonrpc": "2.0", "id": 99} | ASK).encode()
    stdin = editor.process.stdin
    assert stdin
    for byte in b"Content-Length: %d\r\n\r\n%s" % (len(body), body):
        stdin.write(bytes([byte]))
        stdin.flush()
    assert editor.result(99)["open_suggestions"] == 0


def test_many_messages_that_come_at_once(launch: Launch) -> None:
    editor = launch()
    editor.initialize()
    bodies = [json.dumps({"jsonrpc": "2.0", "id": n} | ASK) for n in range(100, 150)]
    stdin = editor.process.stdin
    assert stdin
    stdin.write(b"".join(b"Content-Length: %d\r\n\r\n%s" % (len(b), b.encode()) for b in bodies))
    stdin.flush()
    assert len(editor.answers(range(100, 150))) == 50


def test_a_megabyte_without_a_line_end_is_skipped(launch: Launch) -> None:
    editor = launch()
    editor.initialize()
    stdin = editor.process.stdin
    assert stdin
    stdin.write(b"x" * (1 << 20) + b"\r\n")
    assert editor.status()["open_suggestions"] == 0


def test_the_exit_code_says_whether_it_was_told_before(launch: Launch) -> None:
    assert _code(launch(), "shutdown") == 0
    assert _code(launch()) == 1


def test_an_editor_that_hangs_up_in_the_middle_of_a_message(launch: Launch) -> None:
    editor = launch()
    editor.initialize()
    stdin = editor.process.stdin
    assert stdin
    stdin.write(b"Content-Length: 100\r\n\r\n{")
    stdin.close()
    assert editor.process.wait(WAIT_S) == 0
    assert not any("Traceback" in line for line in editor.log)


def _code(editor: Editor, *first: str) -> int:
    editor.initialize()
    for method in first:
        editor.request(method, None)
    editor.notify("exit", None)
    return editor.process.wait(WAIT_S)
