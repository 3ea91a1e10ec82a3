"""The settings tree and what it makes of vLLM's command line."""

import json
from pathlib import Path

import pytest

from feedback_store.settings import ConfigError, load
from server.base_model import check_model
from server.config import EngineSettings, ServerSettings
from server.engine.flags import Machine, launch
from server.prompts.profiles import profile_for

TINY = profile_for("hone-tiny")
CPU = Machine(
    Path("/py"),
    has_gpu=False,
    openmp=Path("/omp.so"),
    environ={"PATH": "/bin", "SECRET_TOKEN": "s", "LD_PRELOAD": "/x.so", "HTTP_PROXY": "p"},
    cores=6,
)
CPU_SEQUENCES, CPU_BATCH = 128, 2048
"""What vLLM 0.32 takes on a CPU when nothing is said."""
GPU = Machine(Path("/py"), has_gpu=True, openmp=None, environ={"CUDA_VISIBLE_DEVICES": "1"})


def test_defaults_are_local_and_managed() -> None:
    settings = load(ServerSettings, "server", environ={"XDG_CONFIG_HOME": "/nowhere"})
    assert (settings.listen.host, settings.engine.managed) == ("127.0.0.1", True)
    assert settings.suggest.holdout_share == 0.03
    assert (settings.model_folder() / "model.safetensors").is_file()


def test_an_unmanaged_engine_needs_an_address() -> None:
    with pytest.raises(ConfigError, match=r"set engine\.url"):
        load(ServerSettings, "server", overrides={"engine.managed": "false"}, environ={})


def test_unknown_keys_name_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"listen\.port"):
        load(ServerSettings, "server", overrides={"listen.prot": "1"}, environ={})


def test_fewer_than_four_adapters_would_starve_users() -> None:
    with pytest.raises(ConfigError, match="max_loras"):
        load(ServerSettings, "server", overrides={"engine.max_loras": "3"}, environ={})


def test_the_command_for_a_cpu() -> None:
    made = launch(EngineSettings(), TINY, Path("/model"), CPU)
    assert made.argv[0] == "/py"
    assert made.argv[1].endswith("vllm_main.py")
    for flag in (
        "--model=/model",
        "--served-model-name=hone-tiny",
        "--dtype=float32",
        "--enable-lora",
        "--max-loras=4",
        "--block-size=32",
        "--kv-cache-memory-bytes=1073741824",
        "--scheduling-policy=priority",
        "--max-model-len=2048",
    ):
        assert flag in made.argv
    assert made.env["LD_PRELOAD"] == "/omp.so:/x.so"
    assert made.env["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "1"
    assert made.env["OMP_NUM_THREADS"] == "6"
    assert (
        launch(EngineSettings(threads=2), TINY, Path("/model"), CPU).env["OMP_NUM_THREADS"] == "2"
    )


def test_the_command_for_a_gpu() -> None:
    made = launch(EngineSettings(), TINY, Path("/model"), GPU)
    assert {"--dtype=auto", "--gpu-memory-utilization=0.9"} <= set(made.argv)
    assert not any("kv-cache-memory" in flag or "block-size" in flag for flag in made.argv)
    assert made.env["CUDA_VISIBLE_DEVICES"] == "1"
    assert "LD_PRELOAD" not in made.env
    assert "OMP_NUM_THREADS" not in made.env


@pytest.mark.parametrize("machine", [CPU, GPU])
def test_a_step_has_room_for_the_drafts_of_every_answer(machine: Machine) -> None:
    """With adapters vLLM 0.32 does not start otherwise; on a CPU its own limits are enough."""
    flags = dict(
        one.split("=", 1)
        for one in launch(EngineSettings(), TINY, Path("/model"), machine).argv
        if "=" in one
    )
    drafts = json.loads(flags["--speculative-config"])["num_speculative_tokens"]
    answers = int(flags.get("--max-num-seqs", CPU_SEQUENCES))
    assert answers * (drafts + 1) <= int(flags.get("--max-num-batched-tokens", CPU_BATCH))


def test_a_larger_model_brings_its_own_context_and_rank() -> None:
    large = profile_for("qwen2.5-coder-7b")
    made = launch(EngineSettings(), large, Path("/model"), GPU)
    assert {"--max-model-len=4608", "--max-lora-rank=16"} <= set(made.argv)
    asked = EngineSettings(max_model_len=9000, max_lora_rank=64)
    made = launch(asked, large, Path("/model"), GPU)
    assert {"--max-model-len=9000", "--max-lora-rank=64"} <= set(made.argv)


def test_a_model_that_is_not_there_is_named() -> None:
    settings = load(ServerSettings, "server", overrides={"engine.profile": "qwen3-4b"}, environ={})
    with pytest.raises(ConfigError, match=r"\[engine\] model to the folder of Qwen/Qwen3-4B"):
        check_model(settings)
    check_model(load(ServerSettings, "server", environ={}))


def test_vllm_reports_to_nobody_and_sees_no_secrets() -> None:
    env = launch(EngineSettings(), TINY, Path("/model"), CPU).env
    for name in (
        "VLLM_NO_USAGE_STATS",
        "DO_NOT_TRACK",
        "HF_HUB_OFFLINE",
        "HF_HUB_DISABLE_TELEMETRY",
    ):
        assert env[name] == "1"
    assert "SECRET_TOKEN" not in env
    assert "HTTP_PROXY" not in env


def test_the_fingerprint_follows_what_decides_how_the_engine_behaves() -> None:
    one = launch(EngineSettings(), TINY, Path("/model"), CPU).fingerprint()
    assert one == launch(EngineSettings(), TINY, Path("/model"), CPU).fingerprint()
    assert one != launch(EngineSettings(max_lora_rank=16), TINY, Path("/model"), CPU).fingerprint()
    assert one != launch(EngineSettings(), TINY, Path("/other"), CPU).fingerprint()
    assert one != launch(EngineSettings(speculate=False), TINY, Path("/model"), CPU).fingerprint()
