"""Whether vLLM is there to be started, and what to do where it is not.

Knows interpreters and packages. Imports nothing of vLLM, here or there.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from feedback_store.settings import ConfigError
from server.config import EngineSettings

LOOK = "import sys, importlib.util as u; sys.exit(u.find_spec('vllm') is None)"
PATIENCE_S = 30.0


def check_vllm(engine: EngineSettings) -> None:
    """Refuse to start what is not installed: it would be started again and again.

    Raises:
        ConfigError: what to install, or to set instead.
    """
    # A starter of the administrator's own may do without.
    if not engine.managed or engine.script is not None:
        return
    python = engine.python or Path(sys.executable)
    if _holds_vllm(python if engine.python else None):
        return
    raise ConfigError(
        f"{python} has no vLLM: run `make setup` in a checkout (CPU), or install its extra `vllm` "
        "(NVIDIA GPU: pip install '.[vllm]'), or name an interpreter that has it (engine.python), "
        "or a vLLM that runs already (engine.managed = false, engine.url)"
    )


def _holds_vllm(python: Path | None) -> bool:
    if python is None:
        return find_spec("vllm") is not None
    try:
        looked = subprocess.run(
            [python, "-c", LOOK], capture_output=True, timeout=PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"engine.python {python} does not run: {error}") from error
    return looked.returncode == 0
