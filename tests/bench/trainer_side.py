"""One side of `make bench-trainer`, in a process of its own: loss, backward and optimiser step.

Both sides get the same weights, adapter, token ids and advantages, one group per update, and omit
what the other omits: no reference pass (beta 0), no pass for the log-probs at rollout time.

    python -m tests.bench.trainer_side ours|trl FOLDER --prompt 1024 [--micro N] [--rounds N]
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

ANSWER, ANSWERS = 128, 8
VOCABULARY = 8192


@dataclass(frozen=True)
class Side:
    """A way to take one update."""

    step: Callable[[], None]
    parameters: Sequence[Tensor]
    """The adapter's, in PEFT's order; they hold the gradients after a step."""


def tokens(prompt: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return a prompt (P,), answers (G, R) and advantages (G,), always the same."""
    draw = torch.Generator().manual_seed(1)
    return (
        torch.randint(100, VOCABULARY, (prompt,), generator=draw),
        torch.randint(100, VOCABULARY, (ANSWERS, ANSWER), generator=draw),
        torch.randn(ANSWERS, generator=draw),
    )


def ours(folder: Path, prompt: int, device: str) -> Side:
    """Hone's learner; an update of one group is one micro-batch."""
    from server.prompts.profiles import profile_for
    from trainer.examples import Examples, TrainGroup
    from trainer.logprobs import Group, answer_logprobs
    from trainer.loss import LossSettings
    from trainer.model import load_policy
    from trainer.update import Learner, UpdateSettings

    policy = load_policy(folder, profile_for("hone-tiny"), device)
    _same_adapter(policy.trainable())
    ids, answers, advantages = tokens(prompt)
    plain = [Group(ids.tolist(), answers.tolist())]
    with torch.no_grad():  # an engine that agrees, so that its correction is 1
        sampled = answer_logprobs(policy, plain).reshape(ANSWERS, ANSWER).tolist()
    group = TrainGroup(plain[0].prompt, plain[0].answers, sampled, advantages.tolist(), 1.0)
    settings = UpdateSettings(1e-5, warmup_steps=0, loss=LossSettings(kl_weight=0.0))
    learner = Learner(policy, policy.state(), settings)
    return Side(
        lambda: _discard(learner.step(Examples([group]))), [p for _, p in policy.trainable()]
    )


def trl(folder: Path, prompt: int, device: str, micro: int) -> Side:
    """TRL's GRPOTrainer: its own loss, token mean over the group (`dapo`)."""
    trainer = _grpo_trainer(folder, device, micro)
    model = trainer.model.train().to(device)
    trainer.current_gradient_accumulation_steps = ANSWERS // micro
    named = [(n, p) for n, p in model.named_parameters() if ".lora_" in n]
    _same_adapter(named)
    optimiser = torch.optim.AdamW([p for _, p in named], lr=1e-5, betas=(0.9, 0.99), weight_decay=0)
    ids, answers, advantages = (part.to(device) for part in tokens(prompt))

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        for rows in torch.arange(ANSWERS, device=device).split(micro):
            batch = {
                "prompt_ids": ids.expand(len(rows), -1), "completion_ids": answers[rows],
                "prompt_mask": torch.ones(len(rows), prompt, dtype=torch.long, device=device),
                "completion_mask": torch.ones_like(answers[rows]),
                "advantages": advantages[rows],
                "num_items_in_batch": torch.tensor(ANSWERS * ANSWER, device=device),
            }  # fmt: skip
            trainer.compute_loss(model, batch).backward()
        torch.nn.utils.clip_grad_norm_([p for _, p in named], 1.0)
        optimiser.step()

    return Side(step, [p for _, p in named])


def _grpo_trainer(folder: Path, device: str, micro: int) -> Any:
    from datasets import Dataset  # pyright: ignore[reportMissingImports]
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer  # pyright: ignore[reportMissingImports]

    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    lora = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return GRPOTrainer(
        model=get_peft_model(base, lora),
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=GRPOConfig(
            output_dir=str(folder / "trl"), per_device_train_batch_size=micro,
            gradient_accumulation_steps=ANSWERS // micro, num_generations=ANSWERS,
            max_completion_length=ANSWER, beta=0.0, loss_type="dapo", epsilon_high=0.28,
            learning_rate=1e-5, bf16=False, report_to=[], use_cpu=device == "cpu",
            gradient_checkpointing=False,
        ),
        train_dataset=Dataset.from_list([{"prompt": "x"}] * 8), processing_class=tokenizer,
    )  # fmt: skip


def _same_adapter(named: Sequence[tuple[str, Tensor]]) -> None:
    draw = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for _, parameter in named:
            parameter.copy_(0.02 * torch.randn(parameter.shape, generator=draw))


def _discard(_: Any) -> None:
    """The metrics of a step."""


def measure(side: Side, rounds: int, device: str) -> dict[str, Any]:
    """Return the seconds of each update and the peak of memory above what was loaded, in MB."""
    loaded = _resident(device)
    side.step()
    peak = _peak(device)
    gradient = torch.cat([p.grad.flatten().float().cpu() for p in side.parameters])  # type: ignore[union-attr]
    seconds: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        side.step()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return {"seconds": seconds, "peak_mb": peak - loaded, "gradient": gradient}


def _resident(device: str) -> float:
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated() / 2**20
    # The peak so far is that of loading; from here on it counts from what is resident now.
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak(device: str) -> float:
    return torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else _status("VmHWM")


def _status(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure one side; the figures go to standard output, the gradient to a file."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.trainer_side")
    parser.add_argument("side", choices=("ours", "trl"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--prompt", type=int, default=1024)
    parser.add_argument("--micro", type=int, default=ANSWERS)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args(arguments)
    if given.side == "ours":
        side = ours(given.folder, given.prompt, given.device)
    else:
        side = trl(given.folder, given.prompt, given.device, given.micro)
    found = measure(side, given.rounds, given.device)
    torch.save(found.pop("gradient"), given.folder / f"gradient-{given.side}.pt")
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
