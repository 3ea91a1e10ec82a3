"""The trainer: groups, rewards, GAPO updates, publishing and the gate.

Importing this package loads nothing; torch comes in with the modules that compute.
"""
