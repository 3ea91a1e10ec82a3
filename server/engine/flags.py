"""What vLLM is started with: settings in, command line and environment out.

Pure. Knows vLLM's options and why each is set. Does not start anything.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from server.config import Device, EngineSettings
from server.prompts.profile import ModelProfile

QUIET_ENV = {
    # vLLM and the hub report usage to the internet unless told not to.
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # Or vLLM looks for its own address by a route to a public name server.
    "VLLM_HOST_IP": "127.0.0.1",
}
SPECULATION = {"method": "ngram", "prompt_lookup_min": 2, "prompt_lookup_max": 4}
CPU_DRAFTS, GPU_DRAFTS = 12, 8
"""Tokens drafted at a time: on two cores 12 were best (tests/bench/results/edits.md). On a GPU
nothing was measured; 8 is what others use."""
GPU_SEQUENCES, GPU_BATCH = 256, 4096
"""Answers at the same time, and tokens of one step, on a GPU. With adapters vLLM 0.32 does not
start unless a step has room for every answer's drafts, and its own defaults have not: 256 answers
and 2,048 tokens, or 1,024 and 8,192 on an H100."""
STARTER = Path(__file__).with_name("vllm_main.py")
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TMP", "TEMP", "USER", "LOGNAME")
"""Of the gateway's environment only these reach vLLM, and what vLLM, CUDA and OpenMP read."""
PASSED_ON_PREFIXES = ("VLLM_", "CUDA_", "NVIDIA_", "OMP_", "KMP_", "LD_", "TORCH", "PYTHON", "XDG_")

_DECIDING = (*QUIET_ENV, "VLLM_ALLOW_RUNTIME_LORA_UPDATING", "OMP_NUM_THREADS")


@dataclass(frozen=True)
class Launch:
    """A command to run and the environment to run it in; neither holds the port or the key."""

    argv: tuple[str, ...]
    env: Mapping[str, str]

    def fingerprint(self) -> str:
        """Return a hash of what decides how the engine behaves: adoption compares it."""
        told = {key: value for key, value in self.env.items() if key in _DECIDING}
        text = json.dumps([list(self.argv), sorted(told.items())])
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Machine:
    """What the command depends on besides the settings."""

    python: Path
    """The interpreter that runs the gateway."""
    has_gpu: bool
    openmp: Path | None
    """libiomp5 of the engine's environment: without it speculation on a CPU is slow."""
    environ: Mapping[str, str]
    cores: int = 1
    """CPUs that this process may use."""


def launch(
    settings: EngineSettings, profile: ModelProfile, model: Path, machine: Machine
) -> Launch:
    """Return the command and environment of a managed vLLM."""
    gpu = settings.device is Device.GPU or (settings.device is Device.AUTO and machine.has_gpu)
    python = settings.python or machine.python
    arguments = _arguments(settings, profile, model, gpu)
    argv = (str(python), str(settings.script or STARTER), *arguments)
    return Launch(argv, _environment(settings, machine, gpu=gpu))


def _arguments(
    settings: EngineSettings, profile: ModelProfile, model: Path, gpu: bool
) -> tuple[str, ...]:
    dtype = settings.dtype
    if dtype == "auto" and not gpu:
        dtype = "float32"
    arguments = [
        f"--model={model}",
        f"--served-model-name={settings.profile}",
        f"--dtype={dtype}",
        f"--max-model-len={settings.max_model_len or profile.context_tokens}",
        "--enable-lora",
        f"--max-loras={settings.max_loras}",
        f"--max-cpu-loras={settings.max_cpu_loras}",
        f"--max-lora-rank={settings.max_lora_rank or profile.lora.rank}",
        "--scheduling-policy=priority",
        # In-flight answers are finished before vLLM ends.
        "--shutdown-timeout=5",
    ]
    if not gpu:
        # The CPU default of 128 shares next to nothing between prompts as short as edits.
        arguments += ["--block-size=32", f"--kv-cache-memory-bytes={settings.kv_cache_mib << 20}"]
        # The worker in the engine's own process: apart, the two talk by spinning on a core each,
        # and on two cores one of them then computes alone.
        arguments.append("--distributed-executor-backend=uni")
    else:
        arguments.append(f"--gpu-memory-utilization={settings.gpu_memory_share}")
        arguments += [f"--max-num-seqs={GPU_SEQUENCES}", f"--max-num-batched-tokens={GPU_BATCH}"]
    if settings.speculate:
        drafts = {"num_speculative_tokens": GPU_DRAFTS if gpu else CPU_DRAFTS}
        arguments.append(f"--speculative-config={json.dumps(SPECULATION | drafts)}")
    return (*arguments, *settings.extra_args)


def _environment(settings: EngineSettings, machine: Machine, *, gpu: bool) -> dict[str, str]:
    env = {
        key: value
        for key, value in machine.environ.items()
        if key in PASSED_ON or key.startswith(PASSED_ON_PREFIXES)
    }
    env |= QUIET_ENV
    env["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] = "1"
    if not gpu:
        # Else log-probs are compiled on first use, which needs a C++ compiler and half a minute.
        env["TORCHDYNAMO_DISABLE"] = "1"
        preload = env.get("LD_PRELOAD", "")
        if machine.openmp is not None and "libiomp5" not in preload:
            env["LD_PRELOAD"] = f"{machine.openmp}:{preload}".rstrip(":")
        env |= _threads(settings, machine)
    return env


def _threads(settings: EngineSettings, machine: Machine) -> dict[str, str]:
    return {
        # Or vLLM moves the worker into a process of its own all the same.
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "OMP_NUM_THREADS": str(settings.threads or machine.cores),
        # Threads that wait by spinning (200 ms by default) keep the gateway from its core.
        "KMP_BLOCKTIME": "1",
    }
