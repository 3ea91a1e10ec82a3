"""One editor window with one document, which sends what its client would send.

Keeps the text, applies keys, and knows what is on screen and what the user did to it: the truth.
Does not know the language server's code, nor why the user does anything.
"""

import math
import re
from pathlib import Path
from typing import Any

from lsp.edits import changed_span
from tests.bench.lsp_habits import CAPABILITIES, Habits, Shown
from tests.lsp.line import Line

PAIRS = {"(": ")", "[": "]", "{": "}", '"': '"'}
WORD = re.compile(r"\s*\w+|\s*[^\w\s]+|\s+")
BACK = "\b"
EDGE = re.compile(r"\w\w")


class Window:
    """One document in one client."""

    def __init__(self, line: Line, habits: Habits, path: Path, text: str) -> None:
        self.line = line
        self.habits = habits
        self.uri = path.as_uri()
        self.text = text
        self.cursor = 0
        self.closers = ""
        """Brackets behind the cursor that the editor has closed by itself."""
        self.visible: Shown | None = None
        self.truth: dict[str, str] = {}
        self._latest = ""
        self._wanted = ""
        """The latest suggestion's text, as it was when it was first shown."""
        self._target = ""
        self._typed: str | None = ""
        """What was typed since, as long as nothing else happened."""
        self._known, self._version, self._number = text, 1, 1
        self._pending: list[dict[str, Any]] = []
        self._sync_at = self._ask_at = math.inf

    async def open(self) -> None:
        """Begin the connection and open the document."""
        info = {"name": self.habits.name}
        root = Path(self.uri.removeprefix("file://")).parent.as_uri()
        able = CAPABILITIES[self.habits.face]
        params = {"processId": None, "rootUri": root, "capabilities": able, "clientInfo": info}
        await self._request("initialize", params)
        await self._notify("initialized", {})
        item = {"uri": self.uri, "languageId": "python", "version": 1, "text": self.text}
        await self._notify("textDocument/didOpen", {"textDocument": item})

    async def pause(self, seconds: float) -> None:
        """Let time pass, doing what the client does by itself meanwhile."""
        until = self.line.now + seconds
        while (at := min(self._sync_at, self._ask_at)) <= until:
            await self.line.wait(max(0.0, at - self.line.now))
            if self._sync_at <= self._ask_at:
                await self.flush()
            else:
                await self.ask()
        await self.line.wait(until - self.line.now)

    async def key(self, char: str) -> None:
        """One key that writes, with what the editor adds."""
        if self.closers and char == self.closers[0]:
            self.closers, self.cursor = self.closers[1:], self.cursor + 1
            if self._latest:
                self._judge(char)
            return
        if char in PAIRS and not self.text[self.cursor : self.cursor + 1].strip():
            self.closers = PAIRS[char] + self.closers
            await self.edit(self.cursor, self.cursor, char + PAIRS[char], typed=char)
            return
        await self.edit(self.cursor, self.cursor, char, typed=char)

    async def enter(self, indent: str) -> None:
        """The enter key, with the indentation that the editor adds."""
        await self.edit(self.cursor, self.cursor, "\n" + indent, typed="\n" + indent)

    async def backspace(self) -> None:
        """Take the last character back."""
        await self.edit(self.cursor - 1, self.cursor, "", typed=BACK)

    async def complete(self, begin: int, word: str, typed: str) -> None:
        """Write a word anew; what that adds at the cursor counts as typed."""
        await self.edit(begin, self.cursor, word, typed=typed, over=True)

    async def edit(
        self, begin: int, end: int, new: str, typed: str | None = None, *, over: bool = False
    ) -> None:
        """Change the text; `typed` is what keys wrote of it at the cursor."""
        change = {"range": {"start": self._place(begin), "end": self._place(end)}, "text": new}
        self._pending.append(change)
        at_cursor = over or typed == BACK or (begin == end == self.cursor and typed is not None)
        self.text = self.text[:begin] + new + self.text[end:]
        self.cursor = begin + len(new)
        if typed in PAIRS and new == typed + PAIRS[typed]:
            self.cursor -= 1
        self._follow(typed if at_cursor else None, begin)
        if self.habits.sync == "each":
            await self.flush()
        else:
            self._sync_at = min(self._sync_at, self.line.now + self.habits.sync_s)
        if self.habits.face != "action":
            self._ask_at = self.line.now + self.habits.ask_s

    async def paste(self, text: str) -> None:
        """Somebody else than the user's fingers writes; if that is the very suggestion, it was
        right without having been taken, as if it had been typed."""
        shown = self.visible
        await self.edit(self.cursor, self.cursor, text)
        if shown and shown.text == text and self.truth[shown.name] == "not_taken":
            self.truth[shown.name] = "typed_through"

    def move(self, cursor: int) -> None:
        """Put the cursor elsewhere."""
        if cursor != self.cursor:
            self.cursor, self.closers, self._typed = cursor, "", None
            self.visible = self.visible if self.habits.face == "next" else None

    def dismiss(self) -> None:
        """Escape: no client tells the server."""
        self.visible = None
        self._ask_at = math.inf

    async def accept(self) -> None:
        """Take what is on screen."""
        shown, self.visible = self.visible, None
        assert shown
        self.truth[shown.name] = "accepted"
        self._typed, self.closers = None, ""
        if self.habits.command == "before":
            await self._report(shown)
        await self.edit(shown.begin, shown.end, shown.text)
        if self.habits.command != "before":
            await self._report(shown)

    async def accept_word(self) -> None:
        """Take the next word of what is on screen."""
        shown = self.visible
        found = shown and WORD.match(shown.text)
        if not shown or not found or found.end() == len(shown.text):
            await self.accept()
            return
        word, rest = found.group(), shown.text[found.end() :]
        self.truth[shown.name] = "partially_accepted"
        await self.edit(shown.begin, shown.begin, word)
        at = shown.begin + len(word)
        self.visible = Shown(shown.name, at, shown.end + len(word), rest, shown.command)
        if self.habits.parts == "reported":
            await self._report(shown)

    async def ask(self) -> None:
        """Ask for what this client shows by itself."""
        self._ask_at = math.inf
        await self.flush()
        where = {"textDocument": {"uri": self.uri}, "position": self._place(self.cursor)}
        if self.habits.face == "ghost":
            params = where | {"context": {"triggerKind": 2}}
            answer = await self._request("textDocument/inlineCompletion", params)
            items = answer["items"]
            text = items[0]["insertText"] if items else ""
        else:
            where["textDocument"]["version"] = self._version
            answer = await self._request("textDocument/copilotInlineEdit", where)
            items = answer["edits"]
            text = items[0]["text"] if items else ""
        await self._show(items[0]["range"], text, items[0]["command"]) if items else self._clear()

    async def invoke(self) -> None:
        """Open the menu of code actions."""
        await self.flush()
        place = self._place(self.cursor)
        where = {"textDocument": {"uri": self.uri}, "range": {"start": place, "end": place}}
        params = where | {"context": {"diagnostics": [], "triggerKind": 1}}
        answer = await self._request("textDocument/codeAction", params)
        edits = [action for action in answer or [] if "edit" in action]
        if edits:
            [change] = edits[0]["edit"]["documentChanges"]
            [edit] = change["edits"]
            await self._show(edit["range"], edit["newText"], edits[0]["command"])

    async def save(self, formatted: str) -> None:
        """Format and save."""
        if formatted != self.text:
            begin, end, new = changed_span(self.text, formatted)
            cursor = min(self.cursor, len(formatted))
            await self.edit(begin, end, new)
            self.move(cursor)
        await self.flush()
        await self._notify("textDocument/didSave", {"textDocument": {"uri": self.uri}})

    async def flush(self) -> None:
        """Send what the server does not know yet."""
        changes, self._pending, self._sync_at = self._pending, [], math.inf
        if not changes or self._known == self.text:
            self._known = self.text
            if not changes or self.habits.sync == "collected":
                return
        if self.habits.sync == "collected":
            begin, end, new = changed_span(self._known, self.text)
            span = {"start": self._place(begin, self._known), "end": self._place(end, self._known)}
            changes = [{"range": span, "text": new}]
        self._known, self._version = self.text, self._version + 1
        document = {"uri": self.uri, "version": self._version}
        params = {"textDocument": document, "contentChanges": changes}
        await self._notify("textDocument/didChange", params)

    async def _show(self, span: dict[str, Any], text: str, command: dict[str, Any]) -> None:
        name = command["arguments"][0]
        begin, end = self._offset(span["start"]), self._offset(span["end"])
        self.visible = Shown(name, begin, end, text, command)
        if name != self._latest:
            self._latest, self._wanted, self._typed = name, text, ""
            self._target = self.text[:begin] + text + self.text[end:]
            self.truth[name] = "not_taken"
        if self.habits.shows:
            await self._notify("textDocument/didShowInlineEdit", {"item": {"command": command}})

    def _clear(self) -> None:
        self.visible = None

    def _follow(self, typed: str | None, begin: int) -> None:
        """Keep screen and truth in step with a change."""
        shown = self.visible
        goes_on = typed and shown and begin == shown.begin and shown.text.startswith(typed)
        if shown and goes_on and self.habits.keeps and len(typed or "") < len(shown.text):
            size = len(typed or "")
            rest = shown.text[size:]
            self.visible = Shown(
                shown.name, shown.begin + size, shown.end + size, rest, shown.command
            )
        else:
            self.visible = None
        if self._latest:
            self._judge(typed)

    def _judge(self, typed: str | None) -> None:
        """Whether the latest suggestion has been typed through by now."""
        if self.truth[self._latest] not in ("not_taken", "typed_through"):
            return
        if self.habits.face == "ghost":
            if typed is None:
                self._typed = None
            elif typed == BACK:
                self._typed = self._typed[:-1] if self._typed else None
            elif self._typed is not None:
                self._typed += typed
                beyond = self._typed[len(self._wanted) - 1 : len(self._wanted) + 1]
                through = self._typed.startswith(self._wanted) and not EDGE.fullmatch(beyond)
                self.truth[self._latest] = "typed_through" if through else "not_taken"
        elif typed is not None:
            behind = self.text[self.cursor :]
            bare = self.text[: self.cursor] + behind.removeprefix(self.closers)
            if self._target in (self.text, bare):
                self.truth[self._latest] = "typed_through"

    async def _report(self, shown: Shown) -> None:
        if self.habits.command == "never":
            return
        if self.habits.command != "before":
            await self.flush()
        params = {"command": shown.command["command"], "arguments": shown.command["arguments"]}
        if self.habits.command == "notification":
            await self._notify("workspace/executeCommand", params)
        else:
            await self._request("workspace/executeCommand", params)

    async def _request(self, method: str, params: Any) -> Any:
        self._number += 1
        message = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        answer = await self.line.send(message)
        assert answer
        assert "result" in answer, answer
        return answer["result"]

    async def _notify(self, method: str, params: Any) -> None:
        await self.line.send({"jsonrpc": "2.0", "method": method, "params": params})

    def _place(self, offset: int, text: str | None = None) -> dict[str, int]:
        before = (self.text if text is None else text)[:offset]
        line = before.count("\n")
        return {"line": line, "character": offset - (before.rfind("\n") + 1)}

    def _offset(self, place: dict[str, int]) -> int:
        lines = self.text.split("\n")[: place["line"]]
        return sum(len(line) + 1 for line in lines) + place["character"]
