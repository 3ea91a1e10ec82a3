"""Runs vLLM's API server, after repairing two faults of its CPU sampler.

Knows vLLM from within, and is the only file that does. It runs in vLLM's own process, started
by path with whatever interpreter holds vLLM, and imports nothing of Hone. The gateway never
imports it.

vLLM 0.32.0 on a CPU:

1. With speculative decoding, the temperature of each draft position is written into an integer
   copy of a float tensor and lost (`_expand_kernel_impl` in `vllm/utils/cpu_triton_utils.py`), so
   drafts are judged at a temperature of uninitialised memory and every sampled answer holds
   absurd tokens. Greedy answers are right. Remove the repair once vLLM keeps the float.
2. When a prompt does not fit into one step, the draw of a seeded request is taken back
   (`_bookkeeping_sync` in `vllm/v1/worker/gpu_model_runner.py`), which only CUDA's generators
   can; a CPU's raises, and the whole engine ends. Remove the repair once vLLM asks first.
"""

import importlib
import runpy
from typing import Any

SERVER = "vllm.entrypoints.openai.api_server"


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


def repair() -> None:
    """Put the repairs in place, where this vLLM computes on a CPU."""
    try:
        platforms = importlib.import_module("vllm.platforms")
        kernels = importlib.import_module("vllm.utils.cpu_triton_utils")
    except ImportError:
        return
    if platforms.current_platform.is_cpu():
        torch: Any = importlib.import_module("torch")
        torch.Generator = forward_only(torch.Generator)
    if hasattr(kernels, "_expand_kernel_impl"):
        setattr(kernels, "_expand_kernel_impl", expand)  # noqa: B010 (unknown to type checkers)


# At import, not under the guard below: vLLM's workers are spawned, and multiprocessing imports
# this file in each of them under the name __mp_main__ before it runs anything else.
if __name__ in ("__main__", "__mp_main__"):
    repair()

if __name__ == "__main__":
    # alter_sys would make vLLM's module the main one, and workers would import that instead.
    runpy.run_module(SERVER, run_name="__main__", alter_sys=False)
