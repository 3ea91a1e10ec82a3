"""What clients are told that the server can do: they ask for nothing else."""

from lsp.commands import COMMANDS
from tests.lsp.conftest import Launch


def test_every_face_and_command_is_named(launch: Launch) -> None:
    capabilities = launch().initialize()["capabilities"]
    assert capabilities["inlineCompletionProvider"] == {}
    assert capabilities["codeActionProvider"]["codeActionKinds"] == ["refactor.rewrite"]
    assert set(capabilities["executeCommandProvider"]["commands"]) == set(COMMANDS)
    assert capabilities["textDocumentSync"]["save"] == {"includeText": True}
