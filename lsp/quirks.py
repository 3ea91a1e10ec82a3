"""What single clients write otherwise than LSP says, and how it is told from what others mean.

Knows texts. Does not know which client is connected: each quirk gives itself away.
"""


def same_text(saved: str, known: str) -> bool:
    """Whether the text of `didSave` says the same as the document.

    ALE sends a backslash and an "n" for each line end. Taken for a text, that would be one long
    line, and everything under observation in it would be spoilt.
    """
    if saved == known:
        return True
    return "\n" not in saved and "\\n" in saved and _unescaped(saved) == _unescaped(known)


def _unescaped(text: str) -> str:
    return text.replace("\\n", "\n").rstrip("\n")
