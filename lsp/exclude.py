"""What must not leave this machine: ignored, secret-looking, excluded, large and binary files.

Knows paths and ignore files. Does not know documents or what would be sent, nor keys in text
(that is `lsp.detector`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pathspec import GitIgnoreSpec

IGNORE_FILES = (".gitignore", ".honeignore")

SECRET_FILES = (
    ".env",
    ".env.*",
    "*.env",
    ".envrc",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "*.asc",
    "*.gpg",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    ".netrc",
    "_netrc",
    ".pgpass",
    ".htpasswd",
    ".npmrc",
    ".pypirc",
    ".git-credentials",
    ".ssh/",
    ".aws/",
    ".gnupg/",
    ".kube/",
    ".docker/config.json",
    "credentials",
    "credentials.*",
    "secrets.*",
    "*.secret",
    "*.tfstate",
    "*.tfvars",
    ".git/",
)
"""Names that files of keys have, as in .gitignore."""


def path_of(uri: str) -> Path | None:
    """Return the file that a URI names, or None if it names none."""
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        return None
    path = unquote(parts.path)
    # file:///c:/x is how Windows' paths are written.
    return Path(path[1:] if re.match(r"/[A-Za-z]:", path) else path)


@dataclass(frozen=True)
class _Rules:
    spec: GitIgnoreSpec
    stamp: tuple[int, int]


class Exclusions:
    """The rules of one workspace folder."""

    def __init__(self, root: Path, patterns: Iterable[str]) -> None:
        self.root = root
        self._secret = GitIgnoreSpec.from_lines(SECRET_FILES)
        self._own = GitIgnoreSpec.from_lines(patterns)
        self._read: dict[Path, _Rules] = {}

    def reason(self, path: Path) -> str | None:
        """Return why nothing of this file may be sent, or None if it may.

        A file outside the workspace is held to the patterns, not to anybody's ignore files.
        """
        inside = path.is_relative_to(self.root)
        relative = path.relative_to(self.root).as_posix() if inside else path.as_posix().lstrip("/")
        if self._secret.match_file(relative):
            return "it looks like a file of secrets"
        if self._own.match_file(relative):
            return "your configuration excludes it"
        for folder in self._folders(path) if inside else ():
            for name in IGNORE_FILES:
                spec = self._spec(folder / name)
                if spec and spec.match_file(path.relative_to(folder).as_posix()):
                    return f"{(folder / name).relative_to(self.root)} ignores it"
        return None

    def relative(self, path: Path) -> str:
        """Return the path as it is sent: within the workspace, or the bare name."""
        inside = path.is_relative_to(self.root)
        return path.relative_to(self.root).as_posix() if inside else path.name

    def _folders(self, path: Path) -> list[Path]:
        parents = [parent for parent in path.parents if parent.is_relative_to(self.root)]
        return parents[::-1]

    def _spec(self, file: Path) -> GitIgnoreSpec | None:
        try:
            stat = file.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            known = self._read.get(file)
            if known is None or known.stamp != stamp:
                lines = file.read_text("utf-8", "replace").splitlines()
                self._read[file] = known = _Rules(GitIgnoreSpec.from_lines(lines), stamp)
        except OSError:
            return None
        return known.spec
