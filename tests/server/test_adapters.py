"""Which adapter folders are taken, and why the others are not."""

import json
import math
import struct
from pathlib import Path
from typing import Any

import pytest

from server.adapters import BadAdapter, Base, verify
from tests.server.adapters import TARGETS, base_sha256, publish_adapter, safetensors, tensors


@pytest.fixture(scope="module")
def base() -> Base:
    return Base("hone-tiny", base_sha256(), max_rank=8, targets=frozenset(TARGETS))


def test_takes_a_zero_adapter_and_sees_that_it_is_one(tmp_path: Path, base: Base) -> None:
    folder = publish_adapter(tmp_path, "hone-000001", parent="hone-000000")
    adapter = verify(folder, "policy", base)
    assert adapter.untrained
    assert adapter.parent == "hone-000000"


def test_takes_a_trained_adapter_and_sees_that_it_is_one(tmp_path: Path, base: Base) -> None:
    folder = publish_adapter(tmp_path, "hone-000001", b=0.01)
    assert not verify(folder, "policy", base).untrained


def test_refuses_a_trained_adapter_that_calls_itself_untrained(tmp_path: Path, base: Base) -> None:
    folder = publish_adapter(tmp_path, "hone-000001", b=0.01, untrained=True)
    with pytest.raises(BadAdapter, match="B matrix is not zero"):
        verify(folder, "policy", base)


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        ({"base_model": "other"}, "base_model"),
        ({"base_sha256": "0" * 64}, "base_sha256"),
        ({"kind": "snapshot"}, "kind"),
        ({"name": "hone-000002"}, "name"),
    ],
)
def test_refuses_a_manifest_of_something_else(
    tmp_path: Path, base: Base, manifest: dict[str, Any], why: str
) -> None:
    folder = publish_adapter(tmp_path, "hone-000001", **manifest)
    with pytest.raises(BadAdapter, match=why):
        verify(folder, "policy", base)


def test_refuses_a_rank_above_the_engines(tmp_path: Path, base: Base) -> None:
    folder = publish_adapter(tmp_path, "hone-000001", rank=16)
    with pytest.raises(BadAdapter, match="rank 16; this gateway takes 1 to 8"):
        verify(folder, "policy", base)


def test_refuses_weights_of_another_rank_than_the_configuration(tmp_path: Path, base: Base) -> None:
    folder = publish_adapter(tmp_path, "hone-000001", weights=safetensors(tensors(4)))
    with pytest.raises(BadAdapter, match="not rank 8"):
        verify(folder, "policy", base)


@pytest.mark.parametrize("name", ["adapter_model.bin", "adapter_model.pt", "run.py", "x.pkl"])
def test_refuses_any_other_file_even_a_listed_one(tmp_path: Path, base: Base, name: str) -> None:
    def add(folder: Path) -> None:
        (folder / name).write_bytes(b"\x80\x04.")

    folder = publish_adapter(tmp_path, "hone-000001", more=add)
    with pytest.raises(BadAdapter, match="unexpected files"):
        verify(folder, "policy", base)


def test_refuses_changed_bytes(tmp_path: Path, base: Base) -> None:
    folder = publish_adapter(tmp_path, "hone-000001")
    weights = folder / "adapter_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(BadAdapter, match="differs from what was published"):
        verify(folder, "policy", base)


def test_refuses_a_folder_that_was_never_published(tmp_path: Path, base: Base) -> None:
    folder = publish_adapter(tmp_path, "hone-000001")
    (folder / "manifest.json").unlink()
    with pytest.raises(BadAdapter, match=r"no manifest\.json"):
        verify(folder, "policy", base)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_refuses_numbers_that_are_not_finite(tmp_path: Path, base: Base, number: float) -> None:
    entries = tensors()
    _, values = entries["base_model.model.model.layers.3.mlp.up_proj.lora_B.weight"]
    values[5] = number
    folder = publish_adapter(tmp_path, "hone-000001", weights=safetensors(entries))
    with pytest.raises(BadAdapter, match="not finite"):
        verify(folder, "policy", base)


def test_reads_the_upper_half_of_bfloat16(tmp_path: Path, base: Base) -> None:
    for name, half, untrained in (("hone-000001", 0x0000, True), ("hone-000002", 0x3C00, False)):
        folder = publish_adapter(tmp_path, name, weights=_bfloat16(half), untrained=untrained)
        assert verify(folder, "policy", base).untrained is untrained
    folder = publish_adapter(tmp_path, "hone-000003", weights=_bfloat16(0x7F80))
    with pytest.raises(BadAdapter, match="not finite"):
        verify(folder, "policy", base)


def _bfloat16(half: int) -> bytes:
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    entries = {
        f"{name}.lora_A.weight": {"dtype": "BF16", "shape": [8, 2], "data_offsets": [0, 32]},
        f"{name}.lora_B.weight": {"dtype": "BF16", "shape": [2, 8], "data_offsets": [32, 64]},
    }
    head = json.dumps(entries).encode()
    return struct.pack("<Q", len(head)) + head + b"\x00\x3f" * 16 + struct.pack("<H", half) * 16


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        (b"", "no safetensors file"),
        (b"PK\x03\x04 a zip with a pickle in it", "claims"),
        (struct.pack("<Q", 1 << 60), "claims"),
        (struct.pack("<Q", 2) + b"{}", "holds no tensors"),
        (struct.pack("<Q", 2) + b"[]", "no safetensors file"),
        (safetensors(tensors())[:-4], "truncated"),
        (safetensors({"lm_head.weight": ((2, 2), [0.0] * 4)}), "no LoRA matrix"),
    ],
)
def test_refuses_what_is_no_weights_file(
    tmp_path: Path, base: Base, weights: bytes, why: str
) -> None:
    folder = publish_adapter(tmp_path, "hone-000001", weights=weights)
    with pytest.raises(BadAdapter, match=why):
        verify(folder, "policy", base)


@pytest.mark.parametrize("name", ["..", "Hone 1", ".tmp-x", "a" * 101])
def test_refuses_names_that_are_no_version(tmp_path: Path, base: Base, name: str) -> None:
    with pytest.raises(BadAdapter, match="no version name"):
        verify(tmp_path / name, "policy", base)
