"""What must not leave this machine: ignored, secret-looking, excluded, large and binary files.

Knows paths and patterns. Does not know documents or what would be sent, nor what keys
look like (that is `feedback_store.detector`).
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from urllib.parse import unquote, urlsplit

from pathspec import GitIgnoreSpec

from lsp.gitrules import ignore_files, top_of

SECRET_FILES = (
    ".env",
    ".env.*",
    "*.env",
    ".envrc",
    "*.pem",
    "*.key",
    "*.p8",
    "*.p12",
    "*.pfx",
    "*.pkcs12",
    "*.ppk",
    "*.jks",
    "*.bks",
    "*.keystore",
    "*.keytab",
    "*.kdb",
    "*.kdbx",
    "*.asc",
    "*.gpg",
    "*.ovpn",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    ".netrc",
    "_netrc",
    ".authinfo",
    ".pgpass",
    ".my.cnf",
    ".mylogin.cnf",
    ".htpasswd",
    "htpasswd",
    ".npmrc",
    ".yarnrc.yml",
    ".pypirc",
    ".s3cfg",
    ".boto",
    ".git-credentials",
    ".vault-token",
    ".vault-pass*",
    ".vault_pass*",
    ".terraformrc",
    "terraform.rc",
    "rclone.conf",
    "wp-config.php",
    "local.settings.json",
    ".ssh/",
    ".aws/",
    ".azure/",
    ".gnupg/",
    ".kube/",
    ".config/gcloud/",
    ".config/gh/",
    ".docker/config.json",
    ".dockercfg",
    ".dockerconfigjson",
    "kubeconfig",
    "kubeconfig.yaml",
    "kubeconfig.yml",
    "*.kubeconfig",
    "*service-account*.json",
    "*service_account*.json",
    "*serviceaccount*.json",
    "*client-secret*.json",
    "*client_secret*.json",
    "credentials",
    "credentials.*",
    "*credentials.json",
    "secrets.*",
    "*.secret",
    "*.secrets",
    ".secrets.*",
    "*.tfstate",
    "*.tfstate.*",
    "*.tfvars",
    "*.tfvars.json",
    ".git/",
)
"""Names that files of keys have, as in .gitignore, in whatever case."""


def path_of(uri: str) -> Path | None:
    """Return the file that a URI names, or None if it names none."""
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        return None
    path = unquote(parts.path)
    # file:///c:/x is how Windows' paths are written.
    return Path(path[1:] if re.match(r"/[A-Za-z]:", path) else path)


def relative_to(root: Path | None, path: Path) -> str:
    """Return a path as it is sent: within its workspace, or the bare name."""
    if root is None or not path.is_relative_to(root):
        return path.name
    return path.relative_to(root).as_posix()


@dataclass(frozen=True)
class _Rules:
    spec: GitIgnoreSpec
    stamp: tuple[int, int]


class Exclusions:
    """The rules of one workspace folder: its own ignore files and git's, the user's patterns and
    folders, and the names that files of keys have."""

    def __init__(
        self,
        root: Path,
        patterns: Iterable[str],
        folders: Iterable[str] = (),
        users_file: Path | None = None,
    ) -> None:
        self.root = root
        self._users_file = users_file
        self._secret = GitIgnoreSpec.from_lines(SECRET_FILES)
        self.patterns = tuple(patterns)
        self._own = GitIgnoreSpec.from_lines(self.patterns)
        self._folders = GitIgnoreSpec.from_lines(_as_folder(name) for name in folders)
        self._read: dict[Path, _Rules] = {}

    def reason(self, path: Path) -> str | None:
        """Return why nothing of this file may be sent, or None if it may.

        A link must also be allowed as what it leads to. A file outside the workspace is held to
        the patterns and to the rules of the repository that it is in.
        """
        try:
            real, root = path.resolve(), self.root.resolve()
        except (OSError, RuntimeError):
            return "its links lead nowhere"
        named = self._reason(path, self.root)
        return named or (None if real == path else self._reason(real, root))

    def by_name(self, absolute: str, relative: str) -> str | None:
        """Return why the name alone says that nothing of a file may be sent, or None."""
        if self._folders.match_file(absolute):
            return "exclude.workspaces has it"
        if self._secret.match_file(relative.lower()):
            return "it looks like a file of secrets"
        if self._own.match_file(relative):
            return "your configuration excludes it"
        return None

    def relative(self, path: Path) -> str:
        """Return the path as it is sent."""
        return relative_to(self.root, path)

    def _reason(self, path: Path, root: Path) -> str | None:
        absolute = path.as_posix().lstrip("/")
        inside = path.is_relative_to(root)
        relative = path.relative_to(root).as_posix() if inside else absolute
        if said := self.by_name(absolute, relative):
            return said
        top = top_of(root if inside else path.parent) or (root if inside else path.parent)
        files = list(ignore_files(top, path.parent))
        if self._users_file is not None:
            files.append((top, self._users_file))
        for base, file in files:
            spec = self._spec(file)
            if spec and spec.match_file(path.relative_to(base).as_posix()):
                return f"{os.path.relpath(file, root)} ignores it"
        return None

    def _spec(self, file: Path) -> GitIgnoreSpec | None:
        try:
            stat = file.stat()
            if not S_ISREG(stat.st_mode) and not S_ISDIR(stat.st_mode):
                raise OSError("to read a pipe or a device is to wait for whoever writes it")
            stamp = (stat.st_mtime_ns, stat.st_size)
            known = self._read.get(file)
            if known is None or known.stamp != stamp:
                lines = file.read_text("utf-8", "replace").splitlines()
                self._read[file] = known = _Rules(GitIgnoreSpec.from_lines(lines), stamp)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError:
            # It excludes something, and what is not known: as with a broken .hone.toml, all.
            return GitIgnoreSpec.from_lines(["*"])
        return known.spec


def _as_folder(name: str) -> str:
    """Return a folder's name as a pattern: a path from its root, or a name anywhere."""
    return os.path.expanduser(name).rstrip("/") + "/"
