"""The large models that a company may host: the nine of the GAPO paper, and what they need.

Knows published sizes, and the prompt format that a family's pretraining suggests. Does not know
where weights are, nor how good a model is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from server.prompts.base import Budget
from server.prompts.multi import COMPLAINTS, DEEPSEEK, PLAIN, QWEN, MultiFormat
from server.prompts.profile import LoraProfile, ModelProfile, Size

_QWEN2 = partial(Size, "qwen2", head=128)
_QWEN3 = partial(Size, "qwen3", head=128, vocabulary=151_936)
_3B = partial(_QWEN2, 3.09, 36, 2048, 11_008, heads=16, kv_heads=2, tied=True, vocabulary=151_936)
_7B = partial(_QWEN2, 7.62, 28, 3584, 18_944, heads=28, kv_heads=4, vocabulary=152_064)


@dataclass(frozen=True)
class Family:
    """A model by the name that its publisher gave it."""

    name: str
    published: str
    """On the model hub."""
    size: Size
    format: MultiFormat


def families() -> tuple[Family, ...]:
    """Return the nine."""
    qwen = MultiFormat("multi-qwen", QWEN)
    deepseek, plain = MultiFormat("multi-deepseek", DEEPSEEK), MultiFormat("multi-plain", PLAIN)
    mistral = Size("mistral", 7.25, 32, 4096, 14_336, 32, 8, 128, 32_768)
    llama = Size("llama", 6.74, 32, 4096, 11_008, 32, 32, 128, 32_256)
    small3 = _QWEN3(4.02, 36, 2560, 9728, heads=32, kv_heads=8, tied=True)
    large3 = _QWEN3(8.19, 36, 4096, 12_288, heads=32, kv_heads=8)
    large2 = _QWEN2(14.77, 48, 5120, 13_824, heads=40, kv_heads=8, vocabulary=152_064)
    return (
        Family("mistral-7b", "mistralai/Mistral-7B-v0.3", mistral, plain),
        Family("qwen2.5-3b", "Qwen/Qwen2.5-3B", _3B(), qwen),
        Family("qwen2.5-7b", "Qwen/Qwen2.5-7B", _7B(), qwen),
        Family("qwen3-4b", "Qwen/Qwen3-4B-Base", small3, qwen),
        Family("qwen3-8b", "Qwen/Qwen3-8B-Base", large3, qwen),
        Family("qwen2.5-coder-3b", "Qwen/Qwen2.5-Coder-3B", _3B(), qwen),
        Family("qwen2.5-coder-7b", "Qwen/Qwen2.5-Coder-7B", _7B(), qwen),
        Family("qwen2.5-coder-14b", "Qwen/Qwen2.5-Coder-14B", large2, qwen),
        Family("deepseek-coder-6.7b", "deepseek-ai/deepseek-coder-6.7b-base", llama, deepseek),
    )


def family_profiles() -> Iterator[ModelProfile]:
    """Yield a profile for each; adapters of small models need the higher rate."""
    for family in families():
        rate = 3e-5 if family.size.billions < 5 else 2e-5
        yield ModelProfile(
            name=family.name,
            format=family.format,
            budget=Budget(prompt_tokens=4096, answer_tokens=512, chars_per_token=2.8),
            lora=LoraProfile(rank=16, alpha=32, learning_rate=rate),
            excerpts=4,
            diagnostics=COMPLAINTS,
            context_tokens=4608,
            published=family.published,
            size=family.size,
        )
