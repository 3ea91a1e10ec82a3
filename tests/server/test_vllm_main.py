"""The repairs of vLLM's CPU side, on tensors; what they do inside vLLM is in test_vllm."""

from types import SimpleNamespace

import pytest
import torch

from server.engine.vllm_main import add_lora_linear, expand, forward_only, tokens_by_adapter


@pytest.mark.parametrize(
    ("slots", "expected"),
    [
        ([-1, -1], []),
        ([2, 2, 2], [(2, slice(0, 3))]),
        ([-1, 0, 0, 3], [(0, slice(1, 3)), (3, slice(3, 4))]),
    ],
)
def test_runs_of_tokens_are_slices(slots: list[int], expected: list[tuple[int, slice]]) -> None:
    assert tokens_by_adapter(torch.tensor(slots)) == expected


def test_scattered_tokens_are_indices() -> None:
    ((slot, rows),) = tokens_by_adapter(torch.tensor([1, -1, 1]))
    assert slot == 1
    assert rows.tolist() == [0, 2]


def test_every_token_gets_its_own_adapter_and_no_other() -> None:
    torch.manual_seed(0)
    slots = torch.tensor([0, 2, -1, 0, 1, 1, -1, 2])
    x, y = torch.randn(8, 5), torch.randn(8, 7)
    widths = (4, 3)
    a = tuple(torch.randn(3, 1, 2, 5) for _ in widths)
    b = tuple(torch.randn(3, 1, width, 2) for width in widths)
    wanted = y.clone()
    for token, slot in enumerate(slots.tolist()):
        if slot >= 0:
            parts = [b[i][slot, 0] @ a[i][slot, 0] @ x[token] for i in range(2)]
            wanted[token] += 0.5 * torch.cat(parts)
    wrapper = SimpleNamespace(hone_groups=tokens_by_adapter(slots))
    add_lora_linear(wrapper, y, x, a, b, 0.5, widths)
    torch.testing.assert_close(y, wanted)


def test_a_generator_can_be_told_to_go_back() -> None:
    """What `_bookkeeping_sync` does with a seeded request whose prompt took two steps."""
    generator = forward_only(torch.Generator)(device="cpu")
    generator.manual_seed(3)
    first = torch.rand(4, generator=generator)
    generator.set_offset(generator.get_offset() - 4)
    again = torch.rand(4, generator=generator)
    assert not torch.equal(first, again)
    assert torch.equal(first, torch.rand(4, generator=torch.Generator().manual_seed(3)))


def test_temperatures_stay_fractions() -> None:
    output = torch.empty(5)
    expand(output, torch.tensor([0.7, 0.0]), torch.tensor([2, 5]), 0.0, 1.0)
    torch.testing.assert_close(output, torch.tensor([0.7, 0.7, 1.0, 1.0, 1.0]))
