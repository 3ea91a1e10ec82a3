"""Adapter folders for tests, written with the standard library: good ones and every bad one."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from feedback_store.publish import publish, sha256
from server.config import EMBEDDED_MODELS

BASE = "hone-tiny"
RANK = 8
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
HIDDEN, KEYS, MLP, LAYERS = 256, 128, 512, 6
SHAPES = {
    "self_attn.q_proj": (HIDDEN, HIDDEN),
    "self_attn.k_proj": (HIDDEN, KEYS),
    "self_attn.v_proj": (HIDDEN, KEYS),
    "self_attn.o_proj": (HIDDEN, HIDDEN),
    "mlp.gate_proj": (HIDDEN, MLP),
    "mlp.up_proj": (HIDDEN, MLP),
    "mlp.down_proj": (MLP, HIDDEN),
}
"""Of each adapted map in hone-tiny: width in, width out."""


def base_sha256() -> str:
    """Return the hash of the embedded model's weights."""
    return sha256(EMBEDDED_MODELS / BASE / "model.safetensors")


def config(rank: int = RANK, **changes: Any) -> dict[str, Any]:
    """Return PEFT's configuration of an adapter."""
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": BASE,
        "r": rank,
        "lora_alpha": 2 * rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": list(TARGETS),
    } | changes


def tensors(rank: int = RANK, b: float = 0.0) -> dict[str, tuple[tuple[int, int], list[float]]]:
    """Return small A matrices and B matrices full of `b`."""
    made: dict[str, tuple[tuple[int, int], list[float]]] = {}
    for layer in range(LAYERS):
        for path, (wide_in, wide_out) in SHAPES.items():
            name = f"base_model.model.model.layers.{layer}.{path}"
            ramp = [((i * 7) % 13 - 6) / 100 for i in range(rank * wide_in)]
            made[f"{name}.lora_A.weight"] = ((rank, wide_in), ramp)
            made[f"{name}.lora_B.weight"] = ((wide_out, rank), [b] * (wide_out * rank))
    return made


def safetensors(entries: dict[str, tuple[tuple[int, int], list[float]]]) -> bytes:
    """Return the bytes of a float32 safetensors file."""
    header: dict[str, Any] = {}
    body = bytearray()
    for name, (shape, values) in entries.items():
        data = struct.pack(f"<{len(values)}f", *values)
        offsets = [len(body), len(body) + len(data)]
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": offsets}
        body += data
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + bytes(body)


def publish_adapter(
    folder: Path,
    called: str,
    /,
    *,
    rank: int = RANK,
    b: float = 0.0,
    weights: bytes | None = None,
    more: Callable[[Path], None] = lambda folder: None,
    **manifest: Any,
) -> Path:
    """Publish an adapter as the trainer does; `manifest` overrides what it says of itself."""

    def write(aside: Path) -> None:
        data = safetensors(tensors(rank, b)) if weights is None else weights
        (aside / "adapter_model.safetensors").write_bytes(data)
        (aside / "adapter_config.json").write_text(json.dumps(config(rank)))
        more(aside)

    says = {
        "kind": "policy",
        "name": called,
        "base_model": BASE,
        "base_sha256": base_sha256(),
        "rank": rank,
        "parent": None,
        "untrained": b == 0.0,
    }
    return publish(folder, called, write, says | manifest)
