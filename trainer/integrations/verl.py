"""Hone's estimators inside verl, for those who train on many machines: `algorithm.adv_estimator`.

verl imports this module while it is imported itself (entry point group `verl.plugins`), and that is
what registers the estimators: verl's way, and the one exception here to no work at import time.
Names that verl has already (`grpo`, `rloo`) stay verl's.

Knows verl's registry and its tensors. Does not know Ray, models or rewards.
"""

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from trainer.advantage import estimate
from trainer.estimators import ESTIMATORS

TAU = {"qae": 0.4}
"""The quantile of its paper; the others take half of a group."""


def estimator(name: str) -> Callable[..., tuple[Tensor, Tensor]]:
    """Return the estimator called `name` with verl's signature.

    It takes token-level rewards and response mask (answers, tokens) and prompts' ids (answers,),
    and returns advantages and returns (answers, tokens). From verl's `algorithm` section it reads
    `tau` and `parity`, where they are set. Answers of groups without signal get 0; verl's own
    denominators still count their tokens.
    """

    def compute(
        token_level_rewards: Tensor, response_mask: Tensor, index: Any, config: Any = None, **_: Any
    ) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            rewards = token_level_rewards.sum(-1)
            place = {prompt: number for number, prompt in enumerate(dict.fromkeys(index))}
            groups = torch.tensor([place[prompt] for prompt in index], device=rewards.device)
            tau = _setting(config, "tau", TAU.get(name, 0.5))
            parity = _setting(config, "parity", False)
            found, keep = estimate(rewards, groups, name, tau, parity=parity, return_keep=True)
            if not parity:
                found = found * keep
            spread = (found[:, None] * response_mask).to(token_level_rewards.dtype)
            return spread, spread

    return compute


def _setting(config: Any, name: str, default: Any) -> Any:
    found = config.get(name) if config is not None else None
    return default if found is None else found


def register() -> None:
    """Add the estimators to verl's registry."""
    from verl.trainer.ppo import core_algos  # pyright: ignore[reportMissingImports]

    for name in ESTIMATORS:
        if name not in core_algos.ADV_ESTIMATOR_REGISTRY:
            core_algos.register_adv_est(name)(estimator(name))


if "verl" in sys.modules:
    register()
