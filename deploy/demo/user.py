"""One simulated user: a process with a language server and a workspace of its own.

It alone knows the wanted edits. It opens a module, makes its first edits, moves on, asks for the
next edit as an editor does, reacts, and leaves the text as it wants it (or not quite). In
`observe` mode it only looks at what is suggested.

    python -m deploy.demo.user JOB.json

Writes one line of JSON per session to the job's output, its own record; nothing of it reaches
the gateway but through the language server.
"""

import json
import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deploy.demo.client import LspClient, ServerGone
from deploy.demo.habits import Act, Noise, react
from deploy.demo.tasks import LineEdit, Task

WINDOW = 12
"""Lines above and below the cursor that a user looks at: more than any region."""
DRAIN_S = 60.0


@dataclass(frozen=True)
class Job:
    """What one user is to do."""

    name: str
    tasks: tuple[Task, ...]
    workspace: str
    output: str
    observe: bool
    """Look at the suggestions only: nothing is accepted, and feedback is off."""
    noise: Noise
    seed: int
    gateway: str
    """The gateway's URL."""
    settings: dict[str, str]
    """Further environment of the language server, HONE_LSP_*."""


@dataclass(frozen=True)
class Record:
    """What the user saw and did (or, in observe mode, would have done) in one session.

    Texts are the window around the cursor.
    """

    task: str
    rule: str
    taught: bool
    path: str
    before: str
    wanted: str
    suggestion: str | None
    act: str
    final: str
    silence: str
    """Why there was nothing to see, if so."""
    waited_s: float


@dataclass(frozen=True)
class Window:
    """The part of a document between a fixed head and a fixed tail."""

    head: str
    tail: str

    @classmethod
    def around(cls, text: str, line: int) -> "Window":
        """The window of WINDOW lines on each side of `line`."""
        lines = text.split("\n")
        first, last = max(0, line - WINDOW), min(len(lines), line + WINDOW + 1)
        head = "".join(f"{row}\n" for row in lines[:first])
        tail = "".join(f"\n{row}" for row in lines[last:])
        return cls(head, tail)

    def of(self, text: str) -> str:
        """The window's text in a document that differs within the window only."""
        return text[len(self.head) : len(text) - len(self.tail)]

    def put(self, text: str) -> str:
        """The document with this text in the window."""
        return f"{self.head}{text}{self.tail}"


class User:
    """Works through a job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._root = Path(job.workspace)
        # A repository of its own, or the ignore file of the one around it would exclude it.
        (self._root / ".git").mkdir(parents=True, exist_ok=True)
        (self._root / ".git/HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
        env = {**os.environ, **job.settings, "HONE_LSP_GATEWAY__URL": job.gateway}
        env["HONE_LSP_SPOOL__FOLDER"] = str(self._root / ".spool")
        env["HONE_LSP_FEEDBACK__LEVEL"] = "off" if job.observe else "full"
        command = [sys.executable, "-m", "lsp.cli"]
        self._client = LspClient(command, env, self._root / "language-server.log")

    def work(self) -> None:
        """Do all sessions; then wait until the feedback has been taken."""
        self._client.initialize(self._root)
        self._await("connected", lambda status: status["gateway"]["connected"])
        with Path(self._job.output).open("a", encoding="utf-8") as output:
            for task in self._job.tasks:
                output.write(json.dumps(asdict(self._session(task))) + "\n")
                output.flush()
        if not self._job.observe:
            status = self._await(
                "settled", lambda s: s["open_suggestions"] == 0 and s["pending_events"] == 0
            )
            sent = {
                "acknowledged": status["acknowledged_events"],
                "written": status["written_events"],
            }
            Path(self._job.output).with_suffix(".sent.json").write_text(json.dumps(sent))
        self._client.shut_down()

    def _session(self, task: Task) -> Record:
        uri = self._open(task)
        window = Window.around(task.before, task.cursor_line)
        started = time.monotonic()
        edit = self._ask(uri, task.cursor_line)
        waited = time.monotonic() - started
        before, wanted = window.of(task.before), window.of(task.after)
        shown = None if edit is None else window.of(_applied(task.before, edit))
        silence = self._silence() if edit is None else ""
        # A task's luck is its own: before and after are judged by the same dice.
        rng = random.Random(f"{self._job.seed}/{task.id}")
        reaction = react(before, wanted, shown, self._job.noise, rng)
        if self._job.observe:
            self._client.close(uri)
        else:
            self._carry_out(uri, task.before, edit, reaction.act, window.put(reaction.final))
        return Record(
            task=task.id,
            rule=task.rule,
            taught=task.taught,
            path=task.path,
            before=before,
            wanted=wanted,
            suggestion=shown,
            act=reaction.act.value,
            final=reaction.final,
            silence=silence,
            waited_s=waited,
        )

    def _open(self, task: Task) -> str:
        """Open the task's module in the workspace and make the session's first edits."""
        file = self._root / task.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(task.opened, encoding="utf-8")
        uri = file.as_uri()
        self._client.open(uri, task.opened, language_of(task.path))
        for step in task.steps:
            self._client.replace_lines(uri, step)
        return uri

    def _ask(self, uri: str, line: int) -> dict[str, Any] | None:
        document = {"uri": uri, "version": self._client.version(uri)}
        position = {"line": line, "character": 0}
        answer = self._client.request(
            "textDocument/copilotInlineEdit", {"textDocument": document, "position": position}
        )
        edits = [e for e in answer["edits"] if e["textDocument"]["uri"] == uri]
        return edits[0] if edits else None

    def _carry_out(
        self, uri: str, text: str, edit: dict[str, Any] | None, act: Act, final: str
    ) -> None:
        if edit is not None and act is Act.ACCEPT:
            self._client.change(uri, edit["range"], edit["text"])
            text = _applied(text, edit)
            self._client.request("workspace/executeCommand", _command(edit))
        elif edit is not None and act is Act.DISMISS:
            dismissed = {"command": "hone.dismiss", "arguments": edit["command"]["arguments"]}
            self._client.request("workspace/executeCommand", dismissed)
        change = difference(text, final)
        if change is not None:
            self._client.replace_lines(uri, change)

    def _silence(self) -> str:
        last = self._status()["last_silence"]
        return last["reason"] if last else "unknown"

    def _status(self) -> dict[str, Any]:
        asked = {"command": "hone.status", "arguments": []}
        return self._client.request("workspace/executeCommand", asked)

    def _await(self, what: str, done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Poll the server's status until it is `done`; return it."""
        deadline = time.monotonic() + DRAIN_S
        while not done(status := self._status()):
            if time.monotonic() > deadline:
                raise ServerGone(f"not {what} after {DRAIN_S:.0f} s: {status}")
            time.sleep(0.1)
        return status


def language_of(path: str) -> str:
    """The LSP language identifier by a path's suffix."""
    known = {
        ".py": "python",
        ".ts": "typescript",
        ".js": "javascript",
        ".rs": "rust",
        ".kt": "kotlin",
        ".cs": "csharp",
        ".rb": "ruby",
        ".sh": "shellscript",
    }
    suffix = Path(path).suffix
    return known.get(suffix, suffix.lstrip(".") or "plaintext")


def difference(old: str, new: str) -> LineEdit | None:
    """Return the smallest replacement of whole lines that makes `new` of `old`."""
    if old == new:
        return None
    before, after = old.split("\n"), new.split("\n")
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    limit = min(len(before), len(after)) - start
    while end < limit and before[-1 - end] == after[-1 - end]:
        end += 1
    return LineEdit(start, len(before) - end, tuple(after[start : len(after) - end]))


def _applied(text: str, edit: dict[str, Any]) -> str:
    """Apply an LSP edit to text of the basic plane, where UTF-16 columns are code points."""
    lines = text.split("\n")
    start, end = edit["range"]["start"], edit["range"]["end"]
    before = "\n".join([*lines[: start["line"]], lines[start["line"]][: start["character"]]])
    rest = lines[end["line"]][end["character"] :] if end["line"] < len(lines) else ""
    after = "\n".join([rest, *lines[end["line"] + 1 :]])
    return before + edit["text"] + after


def _command(edit: dict[str, Any]) -> dict[str, Any]:
    command = edit["command"]
    return {"command": command["command"], "arguments": command["arguments"]}


def read_job(path: Path) -> Job:
    """Read a job as `write_job` wrote it."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    raw["tasks"] = tuple(_task(task) for task in raw["tasks"])
    return Job(**{**raw, "noise": Noise(**raw["noise"])})


def read_records(path: Path) -> list[Record]:
    """Read what a user wrote down."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Record(**json.loads(line)) for line in lines]


def write_job(path: Path, job: Job) -> None:
    """Write a job for the user's process."""
    path.write_text(json.dumps(asdict(job)), encoding="utf-8")


def _task(raw: dict[str, Any]) -> Task:
    steps = tuple(_line_edit(step) for step in raw["steps"])
    wanted = raw["wanted"] and _line_edit(raw["wanted"])
    return Task(**{**raw, "steps": steps, "wanted": wanted})


def _line_edit(raw: dict[str, Any]) -> LineEdit:
    return LineEdit(raw["start"], raw["end"], tuple(raw["lines"]))


if __name__ == "__main__":
    User(read_job(Path(sys.argv[1]))).work()
