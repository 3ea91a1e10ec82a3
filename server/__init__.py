"""The gateway: prompts, suggestions, feedback, policy versions; alone speaks to vLLM."""

from feedback_store import __version__

__all__ = ["__version__"]
