"""The gateway: prompts, suggestions, feedback, policy versions; alone speaks to vLLM."""
