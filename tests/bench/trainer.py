"""`make bench-trainer`: one update of Hone's trainer against TRL's GRPOTrainer.

Identical weights, adapter, token ids and advantages; timed are loss, backward and optimiser step,
generation on neither side. A random model of 8 layers of 512 with all-linear LoRA of rank 8,
groups of 8 answers of 128 tokens behind prompts of 1,024 and 2,048. Each side runs in a process of
its own, in turns; TRL's time is that of its best micro-batch, its memory that of one group at once,
as ours. Needs an interpreter that has TRL (`make bench-trainer` makes one).

    python -m tests.bench.trainer --trl PYTHON [--rounds N] [--device cpu|cuda]
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from transformers import Qwen2Config, Qwen2ForCausalLM

from deploy.demo.report import versions
from tests.bench.trainer_side import ANSWER, ANSWERS, VOCABULARY
from trainer.config import TrainerSettings
from trainer.progress import Display

PROMPTS = (1024, 2048)
MICRO_BATCHES = (8, 4, 2, 1)
TREE = Path(__file__).parents[2]


def make_model(folder: Path) -> None:
    """Write a model with random weights, and a tokenizer, which nobody looks at."""
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=VOCABULARY, hidden_size=512, intermediate_size=1536, num_hidden_layers=8,
        num_attention_heads=8, num_key_value_heads=2, tie_word_embeddings=True,
        max_position_embeddings=4096, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(TrainerSettings().model_folder() / name, folder)


def run(side: str, python: str, given: argparse.Namespace, **options: int) -> dict[str, Any]:
    """Run one side in a process of its own and return its figures."""
    arguments = [f"--{name}={value}" for name, value in options.items()]
    command = [python, "-m", "tests.bench.trainer_side", side, str(given.folder), *arguments]
    environment = os.environ | {"PYTHONPATH": str(TREE), "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    done = subprocess.run(
        [*command, f"--device={given.device}"], env=environment, stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def compare(prompt: int, given: argparse.Namespace, display: Display) -> dict[str, Any]:
    """Return both sides at one shape."""
    own: list[float] = []
    theirs: dict[int, list[float]] = {micro: [] for micro in MICRO_BATCHES}
    memory: dict[str, list[float]] = {"ours": [], "trl": []}
    cosine = 1.0
    for turn in range(given.turns):
        found = run("ours", sys.executable, given, prompt=prompt, rounds=given.rounds)
        own += found["seconds"]
        memory["ours"].append(found["peak_mb"])
        for micro in MICRO_BATCHES if turn == 0 else (_best(theirs), ANSWERS):
            rival = run("trl", given.trl, given, prompt=prompt, rounds=given.rounds, micro=micro)
            theirs[micro] += rival["seconds"]
            if micro == ANSWERS:
                memory["trl"].append(rival["peak_mb"])
            gradients = [torch.load(given.folder / f"gradient-{s}.pt") for s in ("ours", "trl")]
            cosine = min(cosine, float(torch.cosine_similarity(*gradients, dim=0)))
            display.say(
                f"prompt {prompt}: ours {statistics.median(own):.2f} s, TRL {micro} at a time "
                f"{statistics.median(theirs[micro]):.2f} s; gradients' cosine {cosine:.6f}"
            )
    best = _best(theirs)
    seconds = statistics.median(own), statistics.median(theirs[best])
    megabytes = statistics.median(memory["ours"]), statistics.median(memory["trl"])
    return {
        "name": f"P{prompt}/R{ANSWER}/G{ANSWERS}",
        "speedup": seconds[1] / seconds[0],
        "memory_ratio": megabytes[0] / megabytes[1],
        "gradient_cosine": cosine,
        "ours_s": seconds[0],
        "trl_s": seconds[1],
        "trl_micro_batch": best,
        "trl_s_by_micro_batch": {n: statistics.median(s) for n, s in theirs.items() if s},
        "ours_mb": megabytes[0],
        "trl_mb": megabytes[1],
        "ours_tokens_per_s": ANSWERS * ANSWER / seconds[0],
    }


def _best(times: dict[int, list[float]]) -> int:
    return min((n for n in times if times[n]), key=lambda n: statistics.median(times[n]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show and write `trainer.json`."""
    given = _parser().parse_args(arguments)
    display = Display()
    given.folder = (given.output / "trainer-run").resolve()
    given.folder.mkdir(parents=True, exist_ok=True)
    make_model(given.folder)
    found = [compare(prompt, given, display) for prompt in PROMPTS]
    table = Table(title=f"one update of one group, float32, {given.device}")
    for column in ("shape", "TRL", "ours", "speed-up", "TRL", "ours", "memory", "cosine"):
        table.add_column(column, justify="right")
    for one in found:
        table.add_row(
            one["name"], f"{one['trl_s']:.2f} s", f"{one['ours_s']:.2f} s", f"{one['speedup']:.2f}",
            f"{one['trl_mb']:.0f} MB", f"{one['ours_mb']:.0f} MB", f"{one['memory_ratio']:.2f}",
            f"{one['gradient_cosine']:.6f}",
        )  # fmt: skip
    Console().print(table)
    record = {"shapes": found, "device": given.device, "versions": versions()}
    (given.output / "trainer.json").write_text(json.dumps(record, indent=2) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.trainer", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--trl", required=True, help="an interpreter that has TRL")
    parser.add_argument("--turns", type=int, default=2, help="processes of each side")
    parser.add_argument("--rounds", type=int, default=2, help="updates per process")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--output", type=Path, default=Path("build/bench"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
