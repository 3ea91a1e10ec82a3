"""Deployment: locks, set-ups and the demo. Never part of the wheel."""
