"""What most end-to-end tests begin with: a document, an edit, an offer on screen."""

from collections.abc import Callable
from typing import Any

from tests.lsp.editor import Editor
from tests.lsp.standin import StandIn

CODE = "".join(f"value_{n} = {n}\n" for n in range(20))


def rewrite(old: str, new: str) -> Callable[[str], str]:
    return lambda region: region.replace(old, new)


def typed(editor: Editor, text: str = CODE, name: str = "a.py") -> str:
    """Open a document and make an edit that a next edit can follow."""
    uri = editor.open(name, text)
    editor.change(uri, ((2, 0), (2, 7), "total_2"))
    return uri


def reason(editor: Editor) -> str:
    return editor.status()["last_silence"]["reason"]


def offered(editor: Editor, gateway: StandIn, line: int = 4) -> tuple[str, dict[str, Any], str]:
    """Return document, edit and suggestion id of an offer on screen."""
    uri = typed(editor)
    gateway.answers.append(rewrite(f"value_{line} = {line}", f"total_{line} = {line}"))
    edit = editor.next_edit(uri, line)
    assert edit
    return uri, edit, edit["command"]["arguments"][0]
