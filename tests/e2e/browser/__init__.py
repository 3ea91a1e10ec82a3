"""Hone in editors that a browser can show, in a real browser."""
