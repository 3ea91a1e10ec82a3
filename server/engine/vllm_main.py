"""Runs vLLM's API server, after repairing what is wrong or slow in it on a CPU.

Knows vLLM from within, and is the only file that does. It runs in vLLM's own process, started
by path with whatever interpreter holds vLLM, and imports nothing of Hone. The gateway never
imports it.

vLLM 0.32.0, the first three on a CPU:

1. With speculative decoding, the temperature of each draft position is written into an integer
   copy of a float tensor and lost (`_expand_kernel_impl` in `vllm/utils/cpu_triton_utils.py`), so
   drafts are judged at a temperature of uninitialised memory and every sampled answer holds
   absurd tokens. Greedy answers are right. Remove the repair once vLLM keeps the float.
2. When a prompt does not fit into one step, the draw of a seeded request is taken back
   (`_bookkeeping_sync` in `vllm/v1/worker/gpu_model_runner.py`), which only CUDA's generators
   can; a CPU's raises, and the whole engine ends. Remove the repair once vLLM asks first.
3. Adapters are applied by copying an adapter's weights once per token (`bgmv_shrink` and its like
   in `vllm/lora/ops/torch_ops/lora_ops.py`), which took 60 % of a step; and a token without an
   adapter has the index -1, which there means the last adapter's weights. Here the tokens of one
   adapter are one matrix product, and tokens without one are left alone. Remove the repair once
   vLLM groups them. An adapter on the embedding or the head still goes vLLM's way; ours have none.
4. A Mistral model's tokenizer is looked up by way of mistral-common, which cannot be imported
   without pycountry: an LGPL package that the CPU set-up leaves out. Where it is absent,
   transformers is told that mistral-common is, too, and reads the tokenizer as any other.
5. The key guards /v1 and three prefixes more, and nothing else: /invocations computes, /adapters
   loads and unloads, /tokenize and /scale_elastic_ep answer whoever can reach the port. Here it
   guards every path but /health. Remove the repair once vLLM guards what it adds.
"""

import importlib
import importlib.util
import runpy
from collections.abc import Awaitable
from typing import Any

SERVER = "vllm.entrypoints.openai.api_server"
OPEN_PATH = "/health"
EVERY_PATH = ("",)


def expand(
    output: Any,
    values: Any,
    cu_num_tokens: Any,
    replace_from: float,
    replace_to: float,
    MAX_NUM_TOKENS: int | None = None,
) -> None:
    """Repeat each request's value for each of its tokens, in the output's own type."""
    counts = cu_num_tokens.diff(prepend=cu_num_tokens.new_zeros(1)).long()
    replaced = values.masked_fill(values == replace_from, replace_to)
    output.copy_(replaced.repeat_interleave(counts))


def forward_only(generator: Any) -> Any:
    """Return a kind of generator that lets itself be told to go back, and stays where it is.

    The draw is then lost rather than repeated: a seed gives other answers when prompts were cut
    in other places, each as likely as before.
    """

    def get_offset(self: Any) -> int:
        return 0

    def set_offset(self: Any, offset: int) -> None:
        return None

    return type("Generator", (generator,), {"get_offset": get_offset, "set_offset": set_offset})


def tokens_by_adapter(slots: Any) -> list[tuple[int, Any]]:
    """Return each adapter's slot and the rows it computes.

    Args:
        slots: (tokens,), integer: where each token's adapter is loaded, -1 without one.

    Returns:
        Rows are a slice where one adapter has a run of tokens, which copies nothing.
    """
    found: list[tuple[int, Any]] = []
    for slot in slots.unique().tolist():
        if slot >= 0:
            rows = (slots == slot).nonzero()[:, 0]
            first, end = int(rows[0]), int(rows[-1]) + 1
            found.append((slot, slice(first, end) if end - first == len(rows) else rows))
    return found


def add_lora_linear(
    self: Any,
    y: Any,
    x: Any,
    lora_a_stacked: tuple[Any, ...],
    lora_b_stacked: tuple[Any, ...],
    scale: float,
    output_slices: tuple[int, ...],
    **kwargs: Any,
) -> None:
    """Add every token's low-rank part to `y` in place: y[:, slice i] += scale (x A_i') B_i'.

    Args:
        y: (tokens, sum of output_slices).
        x: (tokens, inputs).
        lora_a_stacked: per slice (slots, 1, rank, inputs).
        lora_b_stacked: per slice (slots, 1, outputs, rank).
    """
    y, x = y.view(-1, y.shape[-1]), x.view(-1, x.shape[-1])
    for slot, rows in self.hone_groups:
        inputs, start = x[rows], 0
        for a, b, width in zip(lora_a_stacked, lora_b_stacked, output_slices, strict=True):
            low = inputs @ a[slot, 0].T
            part = (low @ b[slot, 0].T).to(y.dtype)
            y[rows, start : start + width] += part if scale == 1 else part * scale
            start += width


def group_adapters(wrapper: Any) -> None:
    """Let vLLM's `wrapper` class find each step's groups once, and compute by them."""
    update_metadata = wrapper.update_metadata

    def update_and_group(self: Any, *args: Any, **kwargs: Any) -> None:
        update_metadata(self, *args, **kwargs)
        self.hone_groups = tokens_by_adapter(self.token_lora_indices)

    wrapper.update_metadata = update_and_group
    wrapper.add_lora_linear = add_lora_linear


def without_mistral_common() -> None:
    """Let transformers read Mistral's tokenizers by itself where mistral-common cannot."""
    if importlib.util.find_spec("pycountry") is None:
        found: Any = importlib.import_module("transformers.utils.import_utils")
        found.is_mistral_common_available = lambda: False


def guard_every_path(authenticate: Any) -> None:
    """Let the key of vLLM's `authenticate` module guard all but OPEN_PATH."""
    middleware = authenticate.AuthenticationMiddleware
    ask_for_key = middleware.__call__

    def guard(self: Any, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        if scope.get("path", "").removeprefix(scope.get("root_path", "")) == OPEN_PATH:
            return self.app(scope, receive, send)
        return ask_for_key(self, scope, receive, send)

    authenticate.GUARDED_PREFIX = EVERY_PATH
    middleware.__call__ = guard


def repair() -> None:
    """Put the repairs in place; the first three where this vLLM computes on a CPU.

    Raises:
        ImportError: this vLLM asks for its key elsewhere; better no engine than an open one.
    """
    guard_every_path(importlib.import_module("vllm.entrypoints.serve.middleware.authenticate"))
    without_mistral_common()
    try:
        platforms = importlib.import_module("vllm.platforms")
        kernels = importlib.import_module("vllm.utils.cpu_triton_utils")
    except ImportError:
        return
    if platforms.current_platform.is_cpu():
        torch: Any = importlib.import_module("torch")
        torch.Generator = forward_only(torch.Generator)
        punica: Any = importlib.import_module("vllm.lora.punica_wrapper.punica_cpu")
        group_adapters(punica.PunicaWrapperCPU)
    if hasattr(kernels, "_expand_kernel_impl"):
        setattr(kernels, "_expand_kernel_impl", expand)  # noqa: B010 (unknown to type checkers)


# At import, not under the guard below: vLLM's workers are spawned, and multiprocessing imports
# this file in each of them under the name __mp_main__ before it runs anything else.
if __name__ in ("__main__", "__mp_main__"):
    repair()

if __name__ == "__main__":
    # alter_sys would make vLLM's module the main one, and workers would import that instead.
    runpy.run_module(SERVER, run_name="__main__", alter_sys=False)
