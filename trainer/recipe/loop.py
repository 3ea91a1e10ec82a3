"""The training loop of the recipe: steps, looks at held-out rows, checkpoints, progress, records.

Knows when to step, look, save and stop. Does not know where rows come from (mixture), how a loss
is computed (step) or what becomes of the model (run).
"""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from trainer.checkpointing import checkpointed
from trainer.progress import Display
from trainer.recipe import checkpoint
from trainer.recipe.buckets import Batch, batches
from trainer.recipe.checkpoint import Place
from trainer.recipe.config import RecipeSection
from trainer.recipe.errors import RecipeError
from trainer.recipe.examples import Example
from trainer.recipe.mixture import Mixture
from trainer.recipe.optimiser import schedule, set_rates
from trainer.recipe.step import PROMPT_SHARE, autocast, greedy_matches, inner_model, losses
from trainer.records import RunFolder


@dataclass
class Fit:
    """One run of likelihood training."""

    model: Any
    optimisers: Sequence[Optimizer]
    mixture: Mixture
    held: Mapping[str, Sequence[Example]]
    """Rows that are never trained on, by sort."""
    settings: RecipeSection
    folder: Path
    display: Display
    place: Place = field(default_factory=Place)

    def run(self) -> Place:
        """Train until the budget is spent; return how far that is.

        Raises:
            BadCheckpoint: it should resume and cannot.
            RecipeError: no task at all can be said to the model.
        """
        if self.settings.resume:
            made_with = self._fingerprint()
            self.place = checkpoint.restore(self.folder, self.model, self.optimisers, made_with)
        RunFolder(self.folder).forget_after(self.place.step)
        next_look = self.place.tokens + self.settings.look_tokens
        next_save = time.monotonic() + 60 * self.settings.checkpoint_minutes
        tokens = self.settings.tokens
        with self.display.phase("train", tokens, before=self.place.tokens) as advance:
            for step in self._steps():
                advance(*self._step(step))
                if self.place.tokens >= next_look:
                    self.look()
                    next_look += self.settings.look_tokens
                if time.monotonic() >= next_save:
                    self.save()
                    next_save = time.monotonic() + 60 * self.settings.checkpoint_minutes
        self.look()
        self.save()
        return self.place

    @property
    def done(self) -> float:
        """Share of the budget that is spent: of the tokens, or of the time if that is nearer."""
        tokens = self.place.tokens / self.settings.tokens
        limit = 60 * self.settings.minutes
        return min(1.0, max(tokens, self.place.seconds / limit if limit else 0.0))

    def look(self) -> dict[str, float]:
        """Measure, on the rows that are held out, the share that greedy decoding gets right."""
        self.model.eval()
        seen: dict[str, float] = {}
        for name, rows in self.held.items():
            parts = batches(rows, self.settings.micro_tokens, random.Random(0))
            found = [match for part in parts for match in greedy_matches(self.model, part)]
            if found:
                seen[name] = sum(found) / len(found)
        self.model.train()
        RunFolder(self.folder).measure(step=self.place.step, tokens=self.place.tokens, exact=seen)
        told = "  ".join(f"{name} {100 * value:.1f} %" for name, value in seen.items())
        self.display.say(f"{self.place.tokens / 1e6:.1f} M tokens, held out, exact: {told}")
        return seen

    def save(self) -> None:
        """Write the checkpoint."""
        checkpoint.save(self.folder, self.model, self.optimisers, self.place, self._fingerprint())

    def _fingerprint(self) -> str:
        """What must be the same for a run to go on; a larger budget is no other run."""
        free = {"resume", "checkpoint_minutes", "look_tokens", "output", "tokens", "minutes"}
        return self.settings.model_dump_json(exclude=free)

    def _steps(self) -> Iterator[list[Batch]]:
        """Yield the batches of one step after the other, and count where that is."""
        at_once = max(1, self.settings.batch_tokens // self.settings.micro_tokens)
        while True:
            pool = self.mixture.micro_batches(self.place.pool, self.settings.micro_tokens)
            if not pool:
                raise RecipeError(self._nothing())
            while self.place.batch < len(pool):
                if self.done >= 1.0:
                    return
                chosen = pool[self.place.batch : self.place.batch + at_once]
                self.place.batch += len(chosen)
                yield chosen
            self.place.pool, self.place.batch = self.place.pool + 1, 0

    def _nothing(self) -> str:
        """Say why there is no row at all; a loop over none would never end."""
        left_out = self.mixture.examples.left_out
        why = ", ".join(f"{count} {reason.value}" for reason, count in left_out.most_common())
        return f"none of the tasks can be said to {self.mixture.examples.profile.name} ({why})"

    def _computing(self) -> AbstractContextManager[None]:
        twice = self.settings.checkpointing
        return checkpointed(inner_model(self.model).model) if twice else nullcontext()

    def _step(self, parts: list[Batch]) -> tuple[int, str]:
        """Take one step; return its tokens and a note."""
        began = time.monotonic()
        self.model.train()
        generator = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + self.place.step)
        answer = prompt = 0.0
        for part in parts:
            weight = self.settings.prompt_weight
            with autocast(self.model), self._computing():
                found = losses(self.model, part, generator, PROMPT_SHARE if weight else 0.0)
            (found.total(weight) / len(parts)).backward()
            answer += float(found.answer.detach()) / len(parts) if found.answer is not None else 0
            prompt += float(found.prompt.detach()) / len(parts) if found.prompt is not None else 0
        parameters = [p for o in self.optimisers for g in o.param_groups for p in g["params"]]
        norm = float(nn.utils.clip_grad_norm_(parameters, self.settings.max_grad_norm))
        asked = self.settings
        factor = schedule(self.place.step, self.done, asked.warmup_steps, asked.decay_share)
        set_rates(self.optimisers, factor)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        tokens = sum(len(row.ids) for part in parts for row in part)
        seconds = time.monotonic() - began
        self.place.step += 1
        self.place.tokens += tokens
        self.place.seconds += seconds
        RunFolder(self.folder).measure(
            step=self.place.step,
            tokens=self.place.tokens,
            loss_answer=answer,
            loss_prompt=prompt,
            grad_norm=norm,
            rate=factor,
            tokens_per_s=tokens / seconds,
        )
        return tokens, f"answer {answer:.3f} prompt {prompt:.3f} {tokens / seconds:,.0f} tokens/s"
