"""Which language a file is in, by its name or by what a data set calls it, as LSP identifies it.

Knows extensions, a few whole names, and names of languages. Does not look into files.
"""

from pathlib import PurePosixPath

_BY_LANGUAGE = {
    "c": "c h",
    "clojure": "clj cljc cljs",
    "cpp": "cc cpp cxx hh hpp hxx inl",
    "csharp": "cs",
    "css": "css",
    "dart": "dart",
    "elixir": "ex exs",
    "erlang": "erl hrl",
    "fsharp": "fs fsx",
    "go": "go",
    "graphql": "graphql gql",
    "groovy": "groovy gradle",
    "haskell": "hs",
    "html": "html htm",
    "java": "java",
    "javascript": "js cjs mjs",
    "javascriptreact": "jsx",
    "json": "json",
    "julia": "jl",
    "kotlin": "kt kts",
    "less": "less",
    "lua": "lua",
    "markdown": "md",
    "nim": "nim",
    "objective-c": "m",
    "objective-cpp": "mm",
    "ocaml": "ml mli",
    "perl": "pl pm",
    "php": "php",
    "powershell": "ps1 psm1",
    "proto": "proto",
    "python": "py pyi",
    "r": "r",
    "restructuredtext": "rst",
    "ruby": "rb rake gemspec",
    "rust": "rs",
    "scala": "scala sc",
    "scss": "scss",
    "shellscript": "sh bash zsh",
    "sql": "sql",
    "svelte": "svelte",
    "swift": "swift",
    "terraform": "tf",
    "toml": "toml",
    "typescript": "ts cts mts",
    "typescriptreact": "tsx",
    "vb": "vb",
    "vue": "vue",
    "xml": "xml",
    "yaml": "yaml yml",
    "zig": "zig",
}
_BY_NAME = {
    "cmakelists.txt": "cmake",
    "dockerfile": "dockerfile",
    "gnumakefile": "makefile",
    "jenkinsfile": "groovy",
    "makefile": "makefile",
}
_BY_CALL = {"C#": "csharp", "C++": "cpp", "F#": "fsharp", "Shell": "shellscript"}
_REACT = ("javascriptreact", "typescriptreact")
_BY_EXTENSION = {
    f".{extension}": language
    for language, extensions in _BY_LANGUAGE.items()
    for extension in extensions.split()
}


def language_of(path: str) -> str | None:
    """Return the LSP language identifier, such as "python", or None for an unknown kind of file."""
    file = PurePosixPath(path.lower())
    return _BY_NAME.get(file.name) or _BY_EXTENSION.get(file.suffix)


def language_called(name: str, path: str) -> str:
    """Return the LSP identifier of the language that a data set calls `name`, such as "C#".

    Args:
        path: tells what such names do not, JSX, and overrules nothing else: a header may be C++.
    """
    by_path = language_of(path)
    if by_path in _REACT:
        return by_path
    return _BY_CALL.get(name, name.lower())
