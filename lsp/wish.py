"""What somebody wants beyond the next edit at a place.

Knows the wish. Does not know how it is asked for or met.
"""

from dataclasses import dataclass

from lsp.context import Region


@dataclass(frozen=True)
class Wish:
    """The default wishes for nothing in particular."""

    lines: Region | None = None
    """To edit these lines, not those around the cursor."""
    instruction: str | None = None
    """What to do with them, in words."""
    avoid: tuple[str, ...] = ()
    """The region as earlier suggestions rewrote it: something else is wanted."""
    fresh: bool = False
    """Not what is on offer already, though it may turn out to be the same."""

    @property
    def anew(self) -> bool:
        """Whether what is on offer already does not do."""
        return bool(self.fresh or self.avoid or self.instruction)


NOTHING = Wish()
