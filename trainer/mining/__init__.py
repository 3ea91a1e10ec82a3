"""Mining: next-edit tasks out of the history of git repositories."""
