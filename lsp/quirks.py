"""What single clients write otherwise than LSP says, and how it is told from what others mean.

Knows texts. Does not know which client is connected: each quirk gives itself away.
"""


def same_text(saved: str, known: str) -> bool:
    """Whether the text of `didSave` says the same as the document.

    ALE sends a backslash and an "n" for each line end. Taken for a text, that would be one long
    line, and everything under observation in it would be spoilt.
    """
    if saved == known or ends_otherwise(saved, known):
        return True
    return "\n" not in saved and "\\n" in saved and _unescaped(saved) == _unescaped(known)


def ends_otherwise(saved: str, known: str) -> bool:
    """Whether only the last line's end differs: Vim and others write one that the document, as
    they hold and report it, does not have."""
    return saved != known and _without_end(saved) == _without_end(known)


def _without_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


def _unescaped(text: str) -> str:
    return text.replace("\\n", "\n").rstrip("\n")
