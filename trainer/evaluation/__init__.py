"""Evaluation: how good a model's next edits are, beside two baselines that need no model.

Importing this package loads nothing; torch comes in with the modules that compute.
"""
