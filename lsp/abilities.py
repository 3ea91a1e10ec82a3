"""What a client says it can do, as far as Hone's answers depend on it.

Knows LSP's capabilities. Does not know what clients do without saying so.
"""

from dataclasses import dataclass

from lsprotocol import types


@dataclass(frozen=True)
class Abilities:
    """One client's abilities."""

    ghost_text: bool = False
    """Asks for `textDocument/inlineCompletion`."""
    versioned_edits: bool = False
    """Takes edits that name the document's version, and so can never go astray."""
    applies_edits: bool = False
    """Takes edits that the server sends by itself, if they are versioned."""
    refreshes_lenses: bool = False
    reports_edits: bool = True
    """Applies a code action's edit, then runs its command. ALE, which says that it applies no
    edits of the server's, would run the command alone."""


def abilities_of(capabilities: types.ClientCapabilities) -> Abilities:
    """Read what `initialize` declares."""
    document, workspace = capabilities.text_document, capabilities.workspace
    edits = workspace and workspace.workspace_edit
    lens = workspace and workspace.code_lens
    versioned = bool(edits and edits.document_changes)
    return Abilities(
        ghost_text=bool(document and document.inline_completion),
        versioned_edits=versioned,
        applies_edits=bool(versioned and workspace and workspace.apply_edit),
        refreshes_lenses=bool(lens and lens.refresh_support),
        reports_edits=not (workspace and workspace.apply_edit is False),
    )
