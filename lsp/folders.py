"""The workspace folders, the rules of each, and where a document stands under them.

A folder's `.hone.toml` is read again whenever it changed. While it cannot be read, nothing of the
folder is sent: it may exclude something. Rules are looked at in any thread and taken over on the
main one. Knows paths and rules. Does not know open documents.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lsp.config import WORKSPACE_FILE, ConfigError, ExcludeSettings, WorkspaceRules, load_workspace
from lsp.exclude import Exclusions, path_of, relative_to
from lsp.gitrules import users_file
from lsp.indent import Style

EDITORCONFIG = ".editorconfig"
Place = tuple[str, str | None]
"""A document's path as it is sent, and why it may not be."""


@dataclass(frozen=True)
class Folder:
    """One workspace folder's rules as they were read."""

    exclusions: Exclusions
    formatting: WorkspaceRules.Formatting
    stamp: tuple[int, int] | None
    problem: str | None


@dataclass(frozen=True)
class Sight:
    """What a look at the rules found."""

    changed: Mapping[Path, Folder]
    """The folders whose own rules changed since they were read."""
    places: Mapping[str, Place]
    """Where each document stands, by URI."""
    styles: Mapping[str, Style]
    """How each is to be indented, where that may have changed."""


class Folders:
    """All workspace folders; they may come and go."""

    def __init__(self, settings: ExcludeSettings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._folders: dict[Path, Folder | None] = {}
        """None for one that nobody has looked at yet."""
        self._loose: dict[Path, Exclusions] = {}
        """Rules for files outside all workspace folders, by the folder that they are in."""

    @property
    def roots(self) -> list[Path]:
        """The folders themselves."""
        return list(self._folders)

    @property
    def problems(self) -> list[str]:
        """What is wrong with rules that cannot be used, for the user."""
        return [known.problem for known in self._folders.values() if known and known.problem]

    def change(self, added: Iterable[Path], removed: Iterable[Path]) -> None:
        """Folders come and go."""
        folders = dict(self._folders)
        for root in removed:
            folders.pop(root, None)
        for root in added:
            folders[root] = None
        self._folders = folders

    def look(self, uris: Sequence[str], unstyled: Iterable[str] = ()) -> Sight:
        """Look at the rules as they are now; at styles where they are not known, and everywhere
        if a folder's own rules changed.

        Reads files; any thread may do it, since nothing but what is kept of files changes by it.
        """
        folders, changed = self._now()
        places = {uri: self._place(folders, uri) for uri in uris}
        restyled = uris if changed else unstyled
        return Sight(changed, places, {uri: self._style(folders, uri) for uri in restyled})

    def adopt(self, sight: Sight) -> None:
        """Take over the rules that a look found, of folders that are still there."""
        still = {root: found for root, found in sight.changed.items() if root in self._folders}
        self._folders = {**self._folders, **still}

    def place(self, uri: str) -> Place:
        """Return a document's path as it is sent, and why nothing of it may be sent, if so.
        Reads files."""
        return self._place(self._now()[0], uri)

    def path(self, uri: str) -> str:
        """Return a document's path as it is sent, if it may be. Reads no file."""
        path = path_of(uri)
        if path is None:
            return _name(uri)
        return relative_to(_around(self._folders, path), path)

    def _now(self) -> tuple[dict[Path, Folder], dict[Path, Folder]]:
        """Return all folders as they are now, and those of them that changed since."""
        folders: dict[Path, Folder] = {}
        changed: dict[Path, Folder] = {}
        for root, known in self._folders.items():
            if known is None or known.stamp != _stamp(root):
                folders[root] = changed[root] = self._read(root)
            else:
                folders[root] = known
        return folders, changed

    def _place(self, folders: Mapping[Path, Folder], uri: str) -> Place:
        path = path_of(uri)
        if path is None:
            return self._no_file(folders, uri)
        folder = folders.get(_around(folders, path) or path)
        rules = folder.exclusions if folder else self._outside(path.parent)
        if folder and folder.problem:
            return rules.relative(path), f"{WORKSPACE_FILE} of its folder cannot be used"
        return rules.relative(path), rules.reason(path)

    def _style(self, folders: Mapping[Path, Folder], uri: str) -> Style:
        path = path_of(uri)
        folder = path and folders.get(_around(folders, path) or path)
        said = folder.formatting if folder else WorkspaceRules.Formatting()
        tabs = None if said.insert_spaces is None else not said.insert_spaces
        own = Style(tabs, said.tab_size)
        return own.over(_editorconfig(path)) if path else own

    def _no_file(self, folders: Mapping[Path, Folder], uri: str) -> Place:
        """What is no file here, such as a new document or one of a remote machine."""
        parts = urlsplit(uri)
        name = unquote(parts.path).lstrip("/")
        if parts.scheme not in self._settings.other_schemes:
            allow = f"; exclude.other_schemes may allow {parts.scheme}:" if parts.scheme else ""
            return uri, f"it is not a file on this machine{allow}"
        patterns = self._settings.patterns
        for folder in folders.values():
            if folder.problem:
                return uri, f"{WORKSPACE_FILE} of a folder cannot be used"
            patterns += folder.exclusions.patterns
        rules = Exclusions(Path("/"), patterns, self._settings.workspaces)
        return _name(uri), rules.by_name(name, name)

    def _read(self, root: Path) -> Folder:
        stamp, rules, problem = _stamp(root), WorkspaceRules(), None
        try:
            rules = load_workspace(root)
        except ConfigError as error:
            problem = str(error)
        return Folder(self._rules(root, rules.exclude.patterns), rules.formatting, stamp, problem)

    def _rules(self, root: Path, more: tuple[str, ...] = ()) -> Exclusions:
        settings, git = self._settings, users_file(root, self._environ)
        return Exclusions(root, settings.patterns + more, settings.workspaces, git)

    def _outside(self, folder: Path) -> Exclusions:
        """Return the rules for files outside all workspace folders."""
        if folder not in self._loose:
            self._loose[folder] = self._rules(folder)
        return self._loose[folder]


def _around(roots: Iterable[Path], path: Path) -> Path | None:
    """Return the innermost of the folders that a file is in."""
    inside = [root for root in roots if path.is_relative_to(root)]
    return max(inside, key=lambda root: len(root.parts)) if inside else None


def _name(uri: str) -> str:
    """Return the name of what is no file here."""
    name = unquote(urlsplit(uri).path).lstrip("/")
    return name.rpartition("/")[2] or name


def _stamp(root: Path) -> tuple[int, int] | None:
    try:
        stat = (root / WORKSPACE_FILE).stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def _editorconfig(path: Path) -> Style:
    """Read `.editorconfig` by its own rules, if there is any above the file."""
    if not any((folder / EDITORCONFIG).is_file() for folder in path.parents):
        return Style()
    from editorconfig import EditorConfigError, get_properties

    try:
        said = get_properties(str(path))
    except (EditorConfigError, OSError, UnicodeDecodeError):
        return Style()
    kind, width = said.get("indent_style"), said.get("indent_size") or ""
    if width == "tab":
        width = said.get("tab_width") or ""
    tabs = {"tab": True, "space": False}.get(kind or "")
    return Style(tabs, int(width) if width.isdigit() and int(width) else None)
