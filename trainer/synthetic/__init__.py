"""Synthetic next-edit tasks: edits made by rule in real files, so that what comes next is known."""
