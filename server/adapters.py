"""Whether an adapter folder is what it says, before an engine may read it.

Knows PEFT's files, the manifest and the head of a safetensors file, read with the standard
library. Does not know policies or engines. vLLM would also read pickles and other weight files
beside the one that was hashed, so any file that is not expected refuses the folder.
"""

import json
import math
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from feedback_store.publish import MANIFEST, BadManifest, read_manifest

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
EXPECTED_FILES = frozenset({WEIGHTS, CONFIG, MANIFEST})
HEADER_LIMIT_BYTES = 16 << 20
CHUNK_BYTES = 1 << 20
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
"""What a version may be called: one path component, safe in an URL."""


class BadAdapter(Exception):
    """The folder is no adapter that this gateway may load; the message says why."""


@dataclass(frozen=True)
class Base:
    """What an adapter must fit to."""

    name: str
    sha256: str | None
    """Of the base model's weights; None where they lie on another machine."""
    max_rank: int
    targets: frozenset[str]


@dataclass(frozen=True)
class Adapter:
    """A verified adapter folder."""

    name: str
    folder: Path
    parent: str | None
    untrained: bool
    """Every B matrix is zero, seen in the file itself, so it answers as the base does."""
    manifest: dict[str, Any]


@dataclass(frozen=True)
class Tensor:
    """One entry of a safetensors header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int
    """Byte offsets in the file."""


def verify(folder: Path, kind: str, base: Base) -> Adapter:
    """Return the adapter in `folder` once everything about it holds.

    Raises:
        BadAdapter: missing, changed, of another base or rank, or with files that do not belong.
    """
    if not NAME.fullmatch(folder.name):
        raise BadAdapter(f"{folder.name!r} is no version name: use a-z, 0-9, '.', '_' and '-'")
    if not folder.is_dir():
        raise BadAdapter(f"there is no folder {folder.name} under {folder.parent}")
    strangers = {path.name for path in folder.iterdir()} - EXPECTED_FILES
    if strangers:
        raise BadAdapter(
            f"unexpected files {sorted(strangers)}: only {WEIGHTS} may hold weights, "
            "with adapter_config.json and manifest.json"
        )
    try:
        manifest = read_manifest(folder)
    except BadManifest as error:
        raise BadAdapter(f"not what was published: {error}") from error
    _check_manifest(manifest, folder.name, kind, base)
    rank = _check_config(folder / CONFIG, base)
    untrained = _check_weights(folder / WEIGHTS, rank)
    if manifest.get("untrained") and not untrained:
        raise BadAdapter("the manifest says untrained, but a B matrix is not zero")
    return Adapter(folder.name, folder, manifest.get("parent"), untrained, manifest)


def _check_manifest(manifest: dict[str, Any], name: str, kind: str, base: Base) -> None:
    wanted = {"name": name, "kind": kind, "base_model": base.name}
    if base.sha256 is not None:
        wanted["base_sha256"] = base.sha256
    for key, value in wanted.items():
        if manifest.get(key) != value:
            raise BadAdapter(f"the manifest's {key} is {manifest.get(key)!r}, not {value!r}")
    if WEIGHTS not in manifest.get("files", {}):
        raise BadAdapter(f"the manifest does not list {WEIGHTS}")


def _check_config(path: Path, base: Base) -> int:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        rank, targets = int(config["r"]), set(config["target_modules"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadAdapter(f"{CONFIG} does not read: {error!r}") from error
    if config.get("peft_type") != "LORA":
        raise BadAdapter(f"{CONFIG}: peft_type is {config.get('peft_type')!r}, not 'LORA'")
    if not 1 <= rank <= base.max_rank:
        raise BadAdapter(f"rank {rank}; this gateway takes 1 to {base.max_rank}")
    if config.get("modules_to_save") or config.get("rank_pattern"):
        raise BadAdapter("modules_to_save and rank_pattern are not served")
    if not targets <= base.targets:
        raise BadAdapter(
            f"adapts {sorted(targets - base.targets)}, which are no targets of {base.name}"
        )
    return rank


def _check_weights(path: Path, rank: int) -> bool:
    """Check shapes and that all numbers are finite; return whether every B is zero."""
    with path.open("rb") as file:
        tensors = _header(file, path.stat().st_size)
        untrained = True
        for tensor in tensors:
            side = _side(tensor)
            if tensor.shape[0 if side == "A" else 1] != rank:
                raise BadAdapter(f"{tensor.name} has shape {tensor.shape}, not rank {rank}")
            zero = True
            for chunk in _values(file, tensor):
                if not all(map(math.isfinite, chunk)):
                    raise BadAdapter(f"{tensor.name} holds a number that is not finite")
                zero = zero and not any(chunk)
            untrained = untrained and (zero or side == "A")
    return untrained


def _side(tensor: Tensor) -> str:
    for side in ("A", "B"):
        if f".lora_{side}." in tensor.name and len(tensor.shape) == 2:
            return side
    raise BadAdapter(f"{tensor.name} is no LoRA matrix")


def _header(file: BinaryIO, size: int) -> list[Tensor]:
    try:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(HEADER_LIMIT_BYTES, size):
            raise BadAdapter(f"{WEIGHTS}: its header claims {length} bytes")
        entries = json.loads(file.read(length))
        entries.pop("__metadata__", None)
        tensors = [
            Tensor(
                name,
                entry["dtype"],
                tuple(entry["shape"]),
                *(8 + length + int(offset) for offset in entry["data_offsets"]),
            )
            for name, entry in entries.items()
        ]
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadAdapter(f"{WEIGHTS} is no safetensors file: {error!r}") from error
    if not tensors:
        raise BadAdapter(f"{WEIGHTS} holds no tensors")
    if any(not 8 + length <= t.begin <= t.end <= size for t in tensors):
        raise BadAdapter(f"{WEIGHTS} is truncated")
    return tensors


def _values(file: BinaryIO, tensor: Tensor) -> Iterator[Sequence[float]]:
    """Yield a tensor's numbers in chunks."""
    if tensor.dtype not in ("F64", "F32", "F16", "BF16"):
        raise BadAdapter(f"{tensor.name} is of type {tensor.dtype}, not a float type")
    file.seek(tensor.begin)
    left = tensor.end - tensor.begin
    while left > 0:
        data = file.read(min(left, CHUNK_BYTES))
        left -= CHUNK_BYTES
        try:
            yield _floats(data, tensor.dtype)
        except (TypeError, struct.error) as error:
            raise BadAdapter(f"{tensor.name} holds half a number") from error


def _floats(data: bytes, dtype: str) -> Sequence[float]:
    if dtype == "F64":
        return memoryview(data).cast("d")
    if dtype == "F32":
        return memoryview(data).cast("f")
    if dtype == "F16":
        return struct.unpack(f"<{len(data) // 2}e", data)
    # A bfloat16 is the upper half of a float32.
    halves = memoryview(data).cast("H")
    return memoryview(b"".join(struct.pack("<I", half << 16) for half in halves)).cast("f")
