"""What `make serve` tells people to paste into their editors."""

import tomllib
from pathlib import Path

from deploy.demo.serve import how_to


def test_what_is_to_be_pasted_can_be_read() -> None:
    told = how_to("http://127.0.0.1:8765", Path("/somewhere/hone-lsp"))
    blocks = told.split("\n\n")
    language_server = next(block for block in blocks if "lsp.toml" in block)
    toml = "\n".join(line for line in language_server.split("\n") if line.startswith("    "))
    assert tomllib.loads(toml) == {"gateway": {"url": "http://127.0.0.1:8765"}}
    helix = told.split("languages.toml:\n")[1].split("VS Code")[0]
    assert tomllib.loads(helix)["language-server"]["hone"]["command"] == "/somewhere/hone-lsp"
