"""Asks the client to report changes of a few files, where it offers to (LSP 3.17, dynamically).

Knows LSP's registrations. Does not know why anybody wants to hear of a file.
"""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from lsprotocol import types

from lsp.exclude import path_of

METHOD = types.WORKSPACE_DID_CHANGE_WATCHED_FILES
_SPECIAL = frozenset("*?{}[]")


class Registers(Protocol):
    """What speaks with the client."""

    def client_register_capability(self, params: types.RegistrationParams) -> object:
        """Ask for more messages."""
        ...

    def client_unregister_capability(self, params: types.UnregistrationParams) -> object:
        """Ask for fewer."""
        ...


class DiskWatch:
    """The files that are reported now."""

    def __init__(self, client: Registers, folders: Sequence[Path]) -> None:
        self._client = client
        self._folders = folders
        self._names: dict[str, str] = {}

    def __call__(self, uris: set[str]) -> None:
        """Have these files reported, as far as they can be, and no others."""
        for uri in set(self._names) - uris:
            gone = types.Unregistration(self._names.pop(uri), METHOD)
            self._client.client_unregister_capability(types.UnregistrationParams([gone]))
        for uri in sorted(uris - set(self._names)):
            pattern = self._pattern(uri)
            if pattern:
                self._names[uri] = name = uuid.uuid4().hex
                options = types.DidChangeWatchedFilesRegistrationOptions(
                    [types.FileSystemWatcher(pattern)]
                )
                wanted = types.Registration(name, METHOD, options)
                self._client.client_register_capability(types.RegistrationParams([wanted]))

    def _pattern(self, uri: str) -> str | None:
        """Return the pattern that matches this file only. Patterns know no escapes, and of files
        outside the workspace clients do not reliably hear."""
        path = path_of(uri)
        if path is None or _SPECIAL & set(str(path)):
            return None
        inside = any(path.is_relative_to(folder) for folder in self._folders)
        return path.as_posix() if inside else None


def offered(capabilities: types.ClientCapabilities) -> bool:
    """Whether the client can be asked."""
    workspace = capabilities.workspace
    watching = workspace and workspace.did_change_watched_files
    return bool(watching and watching.dynamic_registration)
