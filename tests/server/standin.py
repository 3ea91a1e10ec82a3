"""A stand-in for vLLM: a real little HTTP server with a queue of answers and a history.

Speaks the part of vLLM's API that the gateway uses, takes vLLM's flags, and makes one token of
each character. Without a queued answer it repeats the prompt's region, which means "no edit".
Tests reach its queue and history under /standin.
"""

import argparse
import asyncio
import os
import sys
from collections import deque
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request

END = "<|end|>"
REGION, SUFFIX = "<|region|>", "<|suffix|>"
LOGPROB = -0.25
DISCONNECT_POLL_S = 0.01


def create_app(base: str, key: str) -> FastAPI:
    """Return a stand-in that holds the base model `base` and wants `key`, if one is given."""
    def authorize(request: Request) -> None:
        # A dependency, since FastAPI's middleware would hide a client's disconnect.
        sent = request.headers.get("authorization")
        if key and request.url.path.startswith("/v1") and sent != f"Bearer {key}":
            raise HTTPException(401, "Unauthorized")

    app = FastAPI(dependencies=[Depends(authorize)])
    models: dict[str, str] = {base: "/models/base"}
    queue: deque[dict[str, Any]] = deque()
    history: list[dict[str, Any]] = []

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {}

    @app.get("/v1/models")
    async def list_models() -> dict[str, Any]:
        return {"data": [{"id": name, "root": root} for name, root in models.items()]}

    @app.post("/v1/load_lora_adapter")
    async def load(body: dict[str, Any]) -> str:
        name, path = body["lora_name"], Path(body["lora_path"])
        history.append({"load": name})
        if name in models:
            raise HTTPException(400, f"The lora adapter '{name}' has already been loaded.")
        if not (path / "adapter_config.json").exists():
            raise HTTPException(404, "No adapter found for that path")
        models[name] = str(path)
        return "Success"

    @app.post("/v1/unload_lora_adapter")
    async def unload(body: dict[str, Any]) -> str:
        history.append({"unload": body["lora_name"]})
        if models.pop(body["lora_name"], None) is None:
            raise HTTPException(404, "The lora adapter cannot be found")
        return "Success"

    @app.post("/tokenize")
    async def tokenize(body: dict[str, Any]) -> dict[str, Any]:
        return {"tokens": [ord(character) for character in body["prompt"]]}

    @app.post("/v1/completions")
    async def complete(request: Request, body: dict[str, Any]) -> Any:
        entry = {"completion": body, "aborted": False}
        history.append(entry)
        if body["model"] not in models:
            raise HTTPException(404, f"The model `{body['model']}` does not exist.")
        plan = queue.popleft() if queue else {}
        if not await _wait(request, plan.get("delay_s", 0.0)):
            entry["aborted"] = True
            return {}
        if "status" in plan:
            raise HTTPException(plan["status"], plan.get("text", "no"))
        return {"choices": [_choice(body, plan, index) for index in range(body["n"])]}

    @app.post("/standin/queue")
    async def enqueue(body: dict[str, Any]) -> None:
        queue.append(body)

    @app.get("/standin/history")
    async def get_history() -> list[dict[str, Any]]:
        return history

    return app


async def _wait(request: Request, seconds: float) -> bool:
    """Wait; return False once the client hangs up, as vLLM notices it."""
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    while clock() < until:
        if await request.is_disconnected():
            return False
        await asyncio.sleep(DISCONNECT_POLL_S)
    return True


def _choice(body: dict[str, Any], plan: dict[str, Any], index: int) -> dict[str, Any]:
    prompt = body["prompt"]
    text = prompt if isinstance(prompt, str) else "".join(map(chr, prompt))
    answer = plan.get("text", text.rpartition(REGION)[2].partition(SUFFIX)[0])
    reason = plan.get("finish_reason", "stop")
    ids = [ord(character) for character in answer] + ([0] if reason == "stop" else [])
    return {
        "index": index,
        "text": answer,
        "prompt_token_ids": [ord(character) for character in text],
        "token_ids": ids,
        "logprobs": {"token_logprobs": [LOGPROB] * len(ids)},
        "finish_reason": reason,
    }


def main() -> None:
    """Serve, with vLLM's flags and key variable."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--served-model-name", default="hone-tiny")
    given, _ = parser.parse_known_args(sys.argv[1:])
    app = create_app(given.served_model_name, os.environ.get("VLLM_API_KEY", ""))
    uvicorn.run(app, host=given.host, port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
