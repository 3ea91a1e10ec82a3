"""The engine: how vLLM is started, supervised and spoken to. Nothing here imports vllm."""
