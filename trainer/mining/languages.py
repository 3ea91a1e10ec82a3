"""Which language a file is in, by its name, as an LSP language identifier.

Knows extensions and a few whole names. Does not look into files.
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
_BY_EXTENSION = {
    f".{extension}": language
    for language, extensions in _BY_LANGUAGE.items()
    for extension in extensions.split()
}


def language_of(path: str) -> str | None:
    """Return the LSP language identifier, such as "python", or None for an unknown kind of file."""
    file = PurePosixPath(path.lower())
    return _BY_NAME.get(file.name) or _BY_EXTENSION.get(file.suffix)
