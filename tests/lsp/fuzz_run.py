"""One run of fuzzed messages to a real `hone-lsp`, with the model of its documents beside it.

Knows which messages are valid, odd or malformed, and what must hold at the end. Does not know how
many runs there are.
"""

import json
from typing import Any

from hypothesis import strategies as st

from tests.lsp.editor import Editor
from tests.lsp.fuzz import (
    COMMANDS,
    HALVES,
    JUNK,
    METHODS,
    NAMES,
    PLACE,
    TEXT,
    Model,
    edits,
    mutated,
)
from tests.lsp.scenes import rewrite
from tests.lsp.standin import StandIn

MESSAGES = 20
"""Of one run, at least."""


class Run:
    """One run of messages to one editor's server, and the model beside it."""

    def __init__(self, editor: Editor, gateway: StandIn, encoding: str) -> None:
        self.editor, self.gateway = editor, gateway
        self.model = Model(encoding, editor.uri)
        self.texts = st.one_of(TEXT, HALVES) if encoding == "utf-16" else TEXT
        self.asked: list[int] = []
        self.sent = 0
        self.said: list[Any] = []
        """What was sent, to be shown when something is wrong at the end."""

    def send(self, body: Any) -> None:
        self.said.append(body)
        self.editor.raw(json.dumps(body).encode())
        self.sent += 1

    def notify(self, method: str, params: Any) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, method: str, params: Any) -> None:
        self.asked.append(self.editor.send(method, params))
        self.sent += 1

    def open(self, draw: st.DrawFn, name: str) -> None:
        text = draw(self.texts)
        self.model.load(name, text)
        self.model.version += 1
        item = {"uri": self.model.uri(name), "languageId": draw(st.sampled_from(["python", ""]))}
        item |= {"version": self.model.version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def change(self, draw: st.DrawFn, name: str) -> None:
        made = self.model.change(name, draw(edits(self.texts)))
        self.notify(made["method"], made["params"])

    def close(self, draw: st.DrawFn, name: str) -> None:
        self.model.texts.pop(name, None)
        self.notify("textDocument/didClose", {"textDocument": {"uri": self.model.uri(name)}})

    def save(self, draw: st.DrawFn, name: str) -> None:
        params: dict[str, Any] = {"textDocument": {"uri": self.model.uri(name)}}
        kind = draw(st.sampled_from(["nothing", "same", "other"]))
        if kind != "nothing":
            known = self.model.texts.get(name, "")
            params["text"] = known if kind == "same" else draw(self.texts)
            if name in self.model.texts:
                self.model.load(name, params["text"])
        self.notify("textDocument/didSave", params)

    def unreadable(self, draw: st.DrawFn, name: str) -> None:
        """A change that says which document it is of, and nothing that can be applied."""
        broken = draw(
            st.sampled_from(
                [
                    {"contentChanges": 5},
                    {"contentChanges": [{"range": {}, "text": 3}]},
                    {"contentChanges": [{"range": {"start": {"line": "x"}}, "text": ""}]},
                    {},
                ]
            )
        )
        self.model.trusted[name] = False
        document = {"uri": self.model.uri(name), "version": 1}
        self.notify("textDocument/didChange", {"textDocument": document} | broken)

    def suggest(self, draw: st.DrawFn, name: str) -> None:
        answer = draw(st.sampled_from([rewrite("a", "b"), rewrite("\n", ""), rewrite("", "c\n")]))
        self.gateway.answers.append(answer)
        line, column = draw(PLACE)
        place = {"line": line, "character": column}
        params: dict[str, Any] = {"textDocument": {"uri": self.model.uri(name)}, "position": place}
        method = draw(st.sampled_from(METHODS[:3]))
        if method.endswith("codeAction"):
            params |= {"range": {"start": place, "end": place}}
            params |= {"context": {"diagnostics": [], "triggerKind": draw(st.integers(1, 2))}}
        elif method.endswith("inlineCompletion"):
            params["context"] = {"triggerKind": draw(st.integers(1, 2))}
        self.ask(method, params)

    def cancel(self, draw: st.DrawFn, name: str) -> None:
        known = st.sampled_from(self.asked) if self.asked else st.none()
        self.notify("$/cancelRequest", {"id": draw(st.one_of(known, st.integers(), st.text()))})

    def command(self, draw: st.DrawFn, name: str) -> None:
        offers = self.gateway.given[-1:]
        arguments = draw(st.one_of(st.just(offers), st.lists(JUNK, max_size=2), st.none()))
        params = {"command": draw(st.sampled_from(COMMANDS)), "arguments": arguments}
        if draw(st.booleans()):
            self.ask("workspace/executeCommand", params)
        else:
            self.notify("workspace/executeCommand", params)

    def odd(self, draw: st.DrawFn, name: str) -> None:
        """Something between almost valid and not JSON at all, about no document of the model."""
        place = {"line": 1, "character": 0}
        message: Any = {
            "jsonrpc": "2.0",
            "id": f"odd-{self.sent}",
            "method": draw(st.sampled_from(METHODS)),
            "params": {
                "textDocument": {"uri": self.model.uri("junk.py"), "version": 1, "text": ""},
                "position": place,
                "range": {"start": place, "end": place},
                "context": {"triggerKind": 1, "diagnostics": []},
                "item": {"command": {"command": "hone.accept", "arguments": ["x"]}},
                "contentChanges": [{"range": {"start": place, "end": place}, "text": "x"}],
            },
        }
        for _ in range(draw(st.integers(0, 2))):
            message = mutated(draw, message)
        self.send(message)

    def noise(self, draw: st.DrawFn, name: str) -> None:
        body = draw(
            st.one_of(
                st.binary(min_size=1, max_size=40),
                st.sampled_from([b"[" * 100_000, b'{"jsonrpc":' * 5_000, b'"\xff\xfe"', b"null"]),
            )
        )
        self.editor.raw(body)
        self.sent += 1

    def end(self) -> None:
        """The server answers, has answered everything, and has the documents of the model."""
        status = self.editor.status()
        documents, expected = status["documents"], self.model.expected()
        # A mutated message may have opened documents of any other name.
        names = [uri for uri in map(self.model.uri, NAMES) if uri in documents]
        trust = {uri: documents[uri]["trusted"] for uri in names}
        believed = {uri: known for uri, (_, known) in expected.items()}
        assert trust == believed, (trust, believed, self.said)
        for uri, (text, trusted) in expected.items():
            same = documents[uri]["sha256"] == text
            assert same or not trusted, (uri, self.model.texts, self.said)
        while not self.editor.messages.empty():
            assert "method" in self.editor.messages.get(), "an answer to nobody"
        for answer in self.editor.answers(self.asked):
            # -32603 would be an error that nobody foresaw.
            assert answer.get("error", {}).get("code") != -32603, answer

    def clean(self) -> None:
        """Leave nothing to the next run."""
        for name in NAMES:
            uri = self.model.uri(name)
            self.editor.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        self.editor.log.clear()
        self.gateway.reset()


@st.composite
def runs(draw: st.DrawFn, run: Run) -> Run:
    acts = (run.change,) * 8 + (run.open, run.save, run.suggest, run.odd) * 2
    acts += (run.close, run.unreadable, run.cancel, run.command, run.noise)
    for name in NAMES[:2]:
        run.open(draw, name)
    while run.sent < MESSAGES:
        draw(st.sampled_from(acts))(draw, draw(st.sampled_from(NAMES)))
    return run
