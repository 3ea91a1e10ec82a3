"""Hone's parts inside other trainers."""
