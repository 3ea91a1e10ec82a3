"""The feedback store: vocabulary, event log, DuckDB projection and training batches.

Importing this package loads nothing else, so that the language server can import
`feedback_store.events` on a machine without DuckDB.
"""

__version__ = "0.1.0"
