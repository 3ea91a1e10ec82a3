"""From text to a model: tokenizer, pre-training from scratch, tuning on next-edit tasks."""
