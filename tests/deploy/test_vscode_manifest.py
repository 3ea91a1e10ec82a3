"""What VS Code is told of the extension: nothing in it is a workspace's to redirect."""

import json

import pytest

from feedback_store import __version__
from lsp.commands import COMMANDS
from tests.packaging.imports import ROOT

FOLDER = ROOT / "deploy" / "editors" / "vscode"


@pytest.fixture(scope="module")
def manifest() -> dict:
    return json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))


def test_the_extension_has_the_version_of_the_rest(manifest: dict) -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))
    assert manifest["version"] == lock["version"] == __version__


def test_no_setting_is_a_workspaces(manifest: dict) -> None:
    settings = manifest["contributes"]["configuration"]["properties"]
    assert {setting["scope"] for setting in settings.values()} == {"machine"}
    limits = manifest["capabilities"]["untrustedWorkspaces"]
    assert limits["supported"] == "limited"
    assert set(limits["restrictedConfigurations"]) == set(settings)


def test_commands_have_names_that_the_server_has_not(manifest: dict) -> None:
    """The language client registers the server's as commands of VS Code, too."""
    declared = {command["command"] for command in manifest["contributes"]["commands"]}
    assert not declared & set(COMMANDS)
    bound = {key["command"] for key in manifest["contributes"]["keybindings"]}
    assert bound <= declared


def test_no_key_types_a_character(manifest: dict) -> None:
    """Option with a key does so on macOS: with "L" an "@" on German keyboards."""
    for key in manifest["contributes"]["keybindings"]:
        pressed = key.get("mac", key["key"]).split("+")
        assert "alt" not in pressed or "ctrl" in pressed, key


def test_the_servers_commands_that_are_used_exist() -> None:
    text = (FOLDER / "src" / "messages.ts").read_text(encoding="utf-8")
    table = text.partition("export const SERVER = {")[2].partition("}")[0]
    used = {line.split('"')[1] for line in table.splitlines() if '"' in line}
    assert used <= set(COMMANDS)


def test_packages_are_pinned_exactly_and_locked_to_no_host(manifest: dict) -> None:
    for version in manifest["devDependencies"].values():
        assert version[0].isdigit()
    lock = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))
    assert not [name for name, entry in lock["packages"].items() if "resolved" in entry]
