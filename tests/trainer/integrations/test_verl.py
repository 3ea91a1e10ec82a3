"""The real verl: finds the estimators by itself, reads a job, and its adapter comes back."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.trainer.conftest import MODEL
from trainer.adapters import shelf, tuned_adapter
from trainer.batches import read_batch
from trainer.estimators import ESTIMATORS
from trainer.groups import Reader
from trainer.integrations.verl_job import bring_back, export
from trainer.model import Policy, equal, write_adapter

from .conftest import SETTINGS, rollout

TREE = Path(__file__).parents[3]
VECTORS = TREE / "tests" / "trainer" / "gapo_vectors.json"
VERL = ("verl==0.9.1", "ray==2.60.0", "tensordict==0.10.0", "hydra-core==1.3.8")
"""Without what they ask for besides: vLLM's and the GPU's parts are not needed to import it."""
BESIDES = (
    "antlr4-python3-runtime==4.9.3", "cloudpickle==3.1.2", "codetiming==1.4.0", "datasets==5.2.0",
    "dill==0.4.1", "importlib_metadata==10.2.0", "msgpack==1.2.4", "multiprocess==0.70.19",
    "omegaconf==2.4.0", "orjson==3.13.0", "pandas==3.1.1", "pyarrow==26.0.1", "pyvers==0.2.3",
    "torchdata==0.11.0", "xxhash==4.1.0", "zipp==4.1.2",
)  # fmt: skip

ANSWERS = ("<|by-edit|><|end|>", "<|end|>", "nonsense<|end|>")

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def verl_python() -> Path:
    """An interpreter that has verl, and everything of this one; made once, kept in build/."""
    folder = TREE / "build" / "verl"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        (site,) = folder.glob("lib/python*/site-packages")
        (site / "own.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
        install = [python, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*install, *VERL, *BESIDES], check=True)
        (folder / "ready").touch()
    return python


def test_verl_finds_the_estimators_and_gets_the_official_values(verl_python: Path) -> None:
    command = [verl_python, "-m", "tests.trainer.integrations.in_verl", VECTORS]
    done = subprocess.run(command, cwd=TREE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert set(ESTIMATORS) - {"reinforce++"} <= set(told["known"])
    wanted = {v["name"]: v for v in json.loads(VECTORS.read_text())["vectors"]}
    assert len(told["vectors"]) > 5
    for found in told["vectors"]:
        expected = wanted[found["name"]]["advantages"]
        assert found["advantages"] == pytest.approx(expected, abs=2e-6, rel=2e-6)


def test_verl_reads_a_job_and_its_adapter_comes_back(
    verl_python: Path, published: Path, trained: Policy, tmp_path: Path
) -> None:
    job = tmp_path / "job"
    export(SETTINGS, [published], job)
    (made := tmp_path / "made").mkdir()
    write_adapter(trained.state(), trained.profile, made)
    command = [verl_python, "-m", "tests.trainer.integrations.job_in_verl", job, made, *ANSWERS]
    done = subprocess.run(command, cwd=TREE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    rows = {one.suggestion_id: one for one in read_batch(published)[0]}
    assert told["prompts"] == [rows[name].prompt_token_ids for name in told["ids"]]
    assert (told["rank"], told["clip"]) == (8, 0.28)
    first, reader = rows[told["ids"][0]], Reader(trained.profile, trained.tokenizer)
    answers = [trained.tokenizer.encode(text, add_special_tokens=False) for text in ANSWERS]
    assert told["scores"] == reader.score(first, [rollout(ids) for ids in answers]).rewards
    assert len(set(told["scores"])) == 3
    assert len(told["advantages"]) == 3
    profile = bring_back(job / "merged" / "lora_adapter", job, tmp_path / "out")
    back = tuned_adapter(tmp_path / "out", shelf(tmp_path, profile, MODEL))
    assert equal(back, trained.state())
