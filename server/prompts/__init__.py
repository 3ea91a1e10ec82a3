"""Prompt formats and model profiles: pure, and the only part of `server` that `trainer` imports."""
