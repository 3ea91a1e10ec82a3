"""What is recorded is the user's to say, and they are told."""

import json
from pathlib import Path

import pytest

from feedback_store.events import FeedbackLevel
from lsp.consent import Consent
from lsp.workspaces import name_of
from tests.lsp.conftest import Launch
from tests.lsp.editor import Editor
from tests.lsp.scenes import offered, rewrite, typed
from tests.lsp.standin import StandIn
from tests.lsp.test_lowered import on_disk

FULL, FACTS, OFF = FeedbackLevel.FULL, FeedbackLevel.FACTS, FeedbackLevel.OFF
URL = "http://gateway"
W, V = Path("/some/w"), Path("/some/v")
ODD_CHOICE = json.dumps({"workspaces": {name_of(W): "loud"}})


@pytest.mark.parametrize(
    ("configured", "chosen", "allowed", "level"),
    [
        (FULL, None, FULL, FULL),
        (FULL, FACTS, FULL, FACTS),
        (FULL, OFF, FULL, OFF),
        (FACTS, FULL, FULL, FACTS),
        (OFF, FULL, FULL, OFF),
        (FULL, None, FACTS, FACTS),
        (FULL, FULL, OFF, OFF),
        (FACTS, None, FULL, FACTS),
    ],
)
def test_the_lowest_of_all_holds(
    tmp_path: Path,
    configured: FeedbackLevel,
    chosen: FeedbackLevel | None,
    allowed: FeedbackLevel,
    level: FeedbackLevel,
) -> None:
    consent = Consent(configured, [W], tmp_path, lambda: allowed)
    if chosen is not None:
        assert consent.choose(chosen) == level
    assert consent.level == level
    assert consent.describe(URL)["level"] == level


def test_a_choice_is_for_one_workspace_and_stays(tmp_path: Path) -> None:
    Consent(FULL, [W], tmp_path, lambda: FULL).choose(OFF)
    assert Consent(FULL, [W], tmp_path, lambda: FULL).level == OFF
    assert Consent(FULL, [Path("/other")], tmp_path, lambda: FULL).level == FULL
    Consent(FULL, [W], tmp_path, lambda: FULL).choose(FULL)
    assert Consent(FULL, [W], tmp_path, lambda: FULL).level == FULL


def test_a_choice_is_for_all_windows_on_the_workspace(tmp_path: Path) -> None:
    first, second = (Consent(FULL, [W], tmp_path, lambda: FULL) for _ in range(2))
    for level in (OFF, FULL, FACTS):
        first.choose(level)
        second.refresh()
        assert second.level == level
    (tmp_path / "consent.json").unlink()
    second.refresh()
    assert second.level == FACTS


def test_a_choice_holds_for_all_below_and_the_lowest_wins(tmp_path: Path) -> None:
    Consent(FULL, [W], tmp_path, lambda: FULL).choose(FACTS)
    assert Consent(FULL, [W / "sub" / "sub"], tmp_path, lambda: FULL).level == FACTS
    assert Consent(FULL, [W.parent], tmp_path, lambda: FULL).level == FULL
    below = Consent(FULL, [W / "sub"], tmp_path, lambda: FULL)
    assert below.choose(FULL) == FACTS
    assert below.choose(OFF) == OFF
    assert Consent(FULL, [W], tmp_path, lambda: FULL).level == FACTS


def test_the_lowest_choice_of_all_folders_of_a_window_holds(tmp_path: Path) -> None:
    Consent(FULL, [W], tmp_path, lambda: FULL).choose(OFF)
    window = Consent(FULL, [V], tmp_path, lambda: FULL)
    assert window.level == FULL
    window.work_in([V, W])
    assert window.level == OFF
    window.work_in([V])
    assert window.level == FULL
    window.work_in([])
    assert window.level == FULL


def test_a_choice_in_a_window_is_for_all_its_folders(tmp_path: Path) -> None:
    Consent(FULL, [V, W], tmp_path, lambda: FULL).choose(FACTS)
    for folder in (V, W):
        assert Consent(FULL, [folder], tmp_path, lambda: FULL).level == FACTS


def test_files_from_elsewhere_bring_their_choices_along(tmp_path: Path) -> None:
    Consent(FULL, [W], tmp_path, lambda: FULL).choose(OFF)
    window = Consent(FACTS, [V], tmp_path, lambda: FULL)
    assert window.among([V / "a.py", V / "sub" / "b.py"]) == FACTS
    assert window.among([V / "a.py", W / "sub" / "b.py"]) == OFF
    assert window.level == FACTS
    assert window.of([name_of(V)]) == FACTS
    assert window.of([name_of(W / "sub"), name_of(W)]) == OFF


def test_it_is_told_once_per_gateway_and_when_more_is_recorded(tmp_path: Path) -> None:
    facts = Consent(FACTS, [W], tmp_path, lambda: FULL)
    told = facts.news(URL)
    assert told
    assert URL in told
    assert "no code" in told
    assert facts.news(URL) is None
    assert Consent(OFF, [W], tmp_path, lambda: FULL).news(URL) is None
    full = Consent(FULL, [W], tmp_path, lambda: FULL)
    assert full.news(URL)
    assert full.news(URL) is None
    assert full.news("http://another")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"told": 1}', ODD_CHOICE])
def test_a_file_that_makes_no_sense_is_no_choice(tmp_path: Path, text: str) -> None:
    (tmp_path / "consent.json").write_text(text)
    consent = Consent(FACTS, [W], tmp_path, lambda: FULL)
    assert consent.level == FACTS
    assert consent.choose(OFF) == OFF
    assert Consent(FACTS, [W], tmp_path, lambda: FULL).level == OFF


def test_choices_that_cannot_be_read_are_not_forgotten(tmp_path: Path) -> None:
    for workspace in (W, V):
        Consent(FULL, [workspace], tmp_path, lambda: FULL).choose(OFF)
    file = tmp_path / "consent.json"
    file.write_text(file.read_text("utf-8")[:-1], "utf-8")
    consent = Consent(FULL, [W], tmp_path, lambda: FULL)
    assert consent.level == FACTS
    assert "cannot read" in str(consent.news(URL))
    assert consent.choose(FULL) == FULL
    assert Consent(FULL, [W], tmp_path, lambda: FULL).level == FULL
    assert Consent(FULL, [V], tmp_path, lambda: FULL).level == FACTS


def test_a_folder_that_cannot_be_written_keeps_the_choice_for_the_run(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    consent = Consent(FULL, [W], tmp_path / "state", lambda: FULL)
    assert consent.choose(OFF) == OFF
    assert consent.level == OFF


@pytest.mark.parametrize(
    ("level", "said"), [(FULL, "the code around"), (FACTS, "no code"), (OFF, "records nothing (")]
)
def test_what_is_told_is_for_the_level(tmp_path: Path, level: FeedbackLevel, said: str) -> None:
    told = Consent(level, [W], tmp_path, lambda: FULL).news(URL)
    assert told
    assert said in told
    assert f"feedback.level = {level.value}" in told
    assert ("to learn" in told) == ("For " in told) == (level != OFF)


def messages(editor: Editor) -> list[str]:
    """Everything shown once there was a greeting; the status' answer comes after it."""
    editor.wait(lambda: editor.status()["gateway"]["connected"], "the greeting")
    editor.status()
    return [shown["message"] for shown in editor.hear("window/showMessage")]


def test_the_first_start_says_what_is_recorded_and_where(launch: Launch, gateway: StandIn) -> None:
    first = launch()
    first.initialize()
    [told] = messages(first)
    assert gateway.url in told
    assert "feedback.level = full" in told
    assert "hone.feedback" in told
    second = launch()
    second.initialize()
    assert messages(second) == []
    status = second.status()["feedback"]
    assert status["level"] == "full"
    assert status["goes_to"] == gateway.url


def test_an_administrator_is_heard_before_the_user_is_told(
    launch: Launch, gateway: StandIn
) -> None:
    gateway.muted = True
    editor = launch()
    gateway.hello = gateway.hello.model_copy(update={"feedback_level": FACTS})
    editor.initialize()
    editor.wait(lambda: gateway.greetings, "the greeting")
    editor.status()
    assert editor.hear("window/showMessage") == []
    gateway.muted = False
    [told] = messages(editor)
    assert "feedback.level = facts" in told
    editor.shutdown()
    gateway.hello = gateway.hello.model_copy(update={"feedback_level": FULL})
    again = launch()
    again.initialize()
    [told] = messages(again)
    assert "feedback.level = full" in told, "more is recorded than they were told"


def test_a_gateway_that_is_away_is_not_waited_for(launch: Launch, gateway: StandIn) -> None:
    gateway.stop()
    editor = launch(HONE_LSP_FEEDBACK__LEVEL="off")
    editor.initialize()
    told = editor.wait(lambda: editor.hear("window/showMessage"), "the news")
    assert "records nothing" in told[0]["message"]


def test_the_command_switches_this_workspace(
    launch: Launch, gateway: StandIn, tmp_path: Path
) -> None:
    editor = launch()
    editor.initialize()
    uri = typed(editor)
    assert editor.command("hone.feedback", {"level": "facts"})["level"] == "facts"
    editor.next_edit(uri, 4)
    assert editor.command("hone.feedback", "off")["recorded"] == "nothing"
    editor.next_edit(uri, 9)
    assert [request.level for request in gateway.requests] == ["facts", "off"]
    with pytest.raises(RuntimeError):
        editor.command("hone.feedback", "everything")
    editor.shutdown()
    assert not [path for path in (tmp_path / "workspace").rglob("*") if path.is_file()]
    again = launch()
    again.initialize()
    assert again.status()["feedback_level"] == "off"
    kept = json.loads((tmp_path / "state" / "hone" / "consent.json").read_text())
    assert list(kept["workspaces"].values()) == ["off"]


def test_switching_off_holds_for_what_is_on_screen(launch: Launch, gateway: StandIn) -> None:
    editor = launch()
    editor.initialize()
    uri, edit, _ = offered(editor, gateway)
    editor.command("hone.feedback", "off")
    editor.apply(uri, edit)
    editor.wait_delivered()
    editor.shutdown()
    assert gateway.events == []


def test_a_choice_reaches_the_other_window(launch: Launch, gateway: StandIn) -> None:
    windows = [launch(HONE_LSP_SETTLING__QUIET_S="60") for _ in range(2)]
    for window in windows:
        window.initialize()
    uri, edit, _ = offered(windows[1], gateway)
    windows[0].command("hone.feedback", "off")
    windows[1].next_edit(uri, 12)
    assert [request.level for request in gateway.requests] == ["full", "off"]
    windows[1].apply(uri, edit)
    windows[1].close_documents()
    windows[1].wait_delivered()
    assert gateway.events == []


def test_a_choice_reaches_a_window_where_nothing_happens(
    launch: Launch, gateway: StandIn, tmp_path: Path
) -> None:
    windows = [launch(HONE_LSP_SETTLING__QUIET_S="60") for _ in range(2)]
    for window in windows:
        window.initialize()
    offered(windows[1], gateway)
    windows[1].wait(lambda: "total_4" in on_disk(tmp_path), "the offer to be kept")
    windows[0].command("hone.feedback", "facts")
    windows[1].wait(lambda: "total_4" not in on_disk(tmp_path), "its text to be deleted")
    assert windows[1].status()["feedback_level"] == "facts"


def test_neither_the_editor_nor_the_workspace_decides(launch: Launch, gateway: StandIn) -> None:
    editor = launch("--feedback.level", "facts")
    (editor.workspace / ".hone.toml").write_text('[exclude]\npatterns = ["x"]\n')
    editor.initialize(initializationOptions={"feedback": {"level": "full"}})
    settings = {"hone": {"feedback": {"level": "full"}}, "feedback": {"level": "full"}}
    editor.notify("workspace/didChangeConfiguration", {"settings": settings})
    gateway.answers.append(rewrite("value_4", "total_4"))
    assert editor.next_edit(typed(editor), 4)
    assert gateway.requests[0].level == "facts"
    assert editor.command("hone.feedback", "full")["level"] == "facts"
