"""A stand-in for vLLM: a real little HTTP server with a queue of answers and a history.

Speaks the part of vLLM's API that the gateway uses, takes vLLM's flags, and makes one token of
each character. Without a queued answer it gives its default one, which says nothing, meaning "no
edit"; asked to repeat, it says the prompt. A rule answers whenever a region holds a certain line,
however often it is asked, which is what an editor in real use needs.
Tests reach its queue and history under /standin.
"""

import argparse
import asyncio
import json
import os
import re
import sys
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse

LOGPROB = -0.25
UNICODE = range(0x110000)
PROBE = "def probe():\n"
"""What the gateway asks of a freshly loaded adapter."""
DISCONNECT_POLL_S = 0.01


class Engine:
    """What a stand-in holds, is about to answer, and was asked."""

    def __init__(self, base: str, key: str) -> None:
        self._key = key
        self.models = {base: "/models/base"}
        self.queue: deque[dict[str, Any]] = deque()
        self.default: dict[str, Any] = {}
        self.dumb = False
        """Whether freshly loaded adapters answer nothing."""
        self.history: list[dict[str, Any]] = []
        self.rules: dict[str, str] = {}
        """What to write instead of a line, in the `span` format."""

    def authorize(self, request: Request) -> None:
        """Refuse without the key. A dependency: FastAPI's middleware would hide a disconnect."""
        sent = request.headers.get("authorization")
        guarded = self._key and not request.url.path.startswith(("/health", "/standin"))
        if guarded and sent != f"Bearer {self._key}":
            raise HTTPException(401, "Unauthorized")

    async def list_models(self) -> dict[str, Any]:
        """GET /v1/models."""
        return {"data": [{"id": name, "root": root} for name, root in self.models.items()]}

    async def load(self, body: dict[str, Any]) -> str:
        """POST /v1/load_lora_adapter."""
        name, path = body["lora_name"], Path(body["lora_path"])
        self.history.append({"load": name})
        if name in self.models:
            raise HTTPException(400, f"The lora adapter '{name}' has already been loaded.")
        if not (path / "adapter_config.json").exists():
            raise HTTPException(404, "No adapter found for that path")
        self.models[name] = str(path)
        return "Success"

    async def unload(self, body: dict[str, Any]) -> str:
        """POST /v1/unload_lora_adapter."""
        self.history.append({"unload": body["lora_name"]})
        if self.models.pop(body["lora_name"], None) is None:
            raise HTTPException(404, "The lora adapter cannot be found")
        return "Success"

    async def complete(self, request: Request, body: dict[str, Any]) -> Any:
        """POST /v1/completions: as queued, or no edit."""
        told = request.headers.get("traceparent", "")
        entry = {"completion": body, "aborted": False, "traceparent": told}
        self.history.append(entry)
        if body["model"] not in self.models:
            raise HTTPException(404, f"The model `{body['model']}` does not exist.")
        if not isinstance(body["prompt"], str) and any(n not in UNICODE for n in body["prompt"]):
            raise HTTPException(400, "Token id is out of vocabulary")
        probed = body["prompt"] == PROBE
        plan = self.queue.popleft() if self.queue and not probed else self._usual(body["prompt"])
        if probed and self.dumb:
            raise HTTPException(500, "EngineCore encountered an issue")
        if not await _wait(request, plan.get("delay_s", 0.0)):
            entry["aborted"] = True
            return {}
        if "status" in plan:
            raise HTTPException(plan["status"], plan.get("text", "no"))
        if "raw" in plan:
            return Response(plan["raw"])
        if body.get("stream"):
            return StreamingResponse(
                self._stream(body, plan, entry), media_type="text/event-stream"
            )
        return {"choices": [_choice(body, plan, index) for index in range(body["n"])]}

    def _usual(self, prompt: str | list[int]) -> dict[str, Any]:
        """What is said without a queue: by the first rule that fits, else the default."""
        for old, new in self.rules.items():
            if found := re.search(rf"<\|L(\d+)\|>{re.escape(old)}\n", _text(prompt)):
                return {"text": f"<|L{found[1]}|>{new}\n<|L{int(found[1]) + 1}|>"}
        return self.default

    async def _stream(
        self, body: dict[str, Any], plan: dict[str, Any], entry: dict[str, Any]
    ) -> AsyncIterator[str]:
        """One chunk per character, `chunk_s` apart, of which the last is never told if `broken`."""
        entry["aborted"] = True
        choice = _choice(body, plan, 0)
        prompt = choice["prompt_token_ids"]
        for number, character in enumerate(choice["text"]):
            await asyncio.sleep(plan.get("chunk_s", 0.0))
            entry["told"] = number + 1
            yield _chunk(body["model"], character, choice, prompt if not number else None)
        if plan.get("broken"):
            return
        yield _chunk(body["model"], "", choice, None if choice["text"] else prompt)
        yield "data: [DONE]\n\n"
        entry["aborted"] = False


def _chunk(model: str, text: str, whole: dict[str, Any], prompt: list[int] | None) -> str:
    """One character's chunk, or with no text the last one, with the stop token if there is one."""
    ids = [ord(text)] if text else [n for n in whole["token_ids"][-1:] if n == 0]
    logprobs = whole["logprobs"]["token_logprobs"]
    choice = {
        "index": 0,
        "text": text,
        "logprobs": {"token_logprobs": logprobs[: len(ids)]},
        "finish_reason": None if text else whole["finish_reason"],
        "prompt_token_ids": prompt,
        "token_ids": ids,
    }
    piece = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": model}
    return f"data: {json.dumps(piece | {'choices': [choice]})}\n\n"


async def health() -> dict[str, str]:
    """GET /health."""
    return {}


async def figures() -> PlainTextResponse:
    """GET /metrics: what vLLM 0.32 says of its queue, per engine core."""
    names = {"num_requests_running": (2.0, 1.0), "num_requests_waiting": (5.0, 0.0)}
    lines = [
        f'vllm:{name}{{engine="{core}",model_name="hone-tiny"}} {value}'
        for name, values in names.items()
        for core, value in enumerate(values)
    ]
    return PlainTextResponse("# HELP vllm:num_requests_running ...\n" + "\n".join(lines) + "\n")


async def tokenize(body: dict[str, Any]) -> dict[str, Any]:
    """POST /tokenize: one token per character."""
    return {"tokens": [ord(character) for character in body["prompt"]]}


def create_app(base: str, key: str) -> FastAPI:
    """Return a stand-in that holds the base model `base` and wants `key`, if one is given."""
    engine = Engine(base, key)

    async def enqueue(body: dict[str, Any]) -> None:
        engine.queue.append(body)

    async def set_default(body: dict[str, Any]) -> None:
        engine.default = body

    async def set_dumb(body: dict[str, Any]) -> None:
        engine.dumb = body["dumb"]

    async def add_rules(body: dict[str, str]) -> None:
        engine.rules.update(body)

    async def get_history() -> list[dict[str, Any]]:
        return engine.history

    app = FastAPI(dependencies=[Depends(engine.authorize)])
    app.get("/health")(health)
    app.get("/metrics")(figures)
    app.get("/v1/models")(engine.list_models)
    app.post("/v1/load_lora_adapter")(engine.load)
    app.post("/v1/unload_lora_adapter")(engine.unload)
    app.post("/tokenize")(tokenize)
    app.post("/v1/completions")(engine.complete)
    app.post("/standin/queue")(enqueue)
    app.post("/standin/default")(set_default)
    app.post("/standin/dumb")(set_dumb)
    app.post("/standin/rules")(add_rules)
    app.get("/standin/history")(get_history)
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
    text = _text(body["prompt"])
    samples = plan.get("samples", [plan])
    plan = plan | samples[index % len(samples)]
    answer = text if plan.get("repeat") else plan.get("text", "")
    reason = plan.get("finish_reason", "stop")
    ids = [ord(character) for character in answer] + ([0] if reason == "stop" else [])
    return {
        "index": index,
        "text": answer,
        "prompt_token_ids": [ord(character) for character in text],
        "token_ids": ids,
        "logprobs": {"token_logprobs": [plan.get("logprob", LOGPROB)] * len(ids)},
        "finish_reason": reason,
    }


def _text(prompt: str | list[int]) -> str:
    return prompt if isinstance(prompt, str) else "".join(map(chr, prompt))


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
