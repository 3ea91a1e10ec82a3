"""`hone-lsp`, the language server beside the editor; of Hone it imports `feedback_store.events`."""
