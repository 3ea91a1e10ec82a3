"""Runs where verl is installed: what verl's registry makes of the official vectors, as JSON.

VERL_PYTHON -m tests.trainer.integrations.in_verl VECTORS
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
import verl  # pyright: ignore[reportMissingImports]
from verl.trainer.ppo.core_algos import (  # pyright: ignore[reportMissingImports]
    ADV_ESTIMATOR_REGISTRY,
    get_adv_estimator_fn,
)


class Section(SimpleNamespace):
    """verl's `algorithm` section, as far as an estimator asks it."""

    def get(self, name: str) -> object:
        return getattr(self, name, None)


def main() -> None:
    vectors = json.loads(Path(sys.argv[1]).read_text())["vectors"]
    told = []
    for vector in vectors:
        if vector["raises"]:
            continue
        rewards = torch.tensor(vector["rewards"], dtype=torch.float32)
        mask = torch.ones(len(rewards), 3)
        by_token = torch.zeros(len(rewards), 3)
        by_token[:, 2] = rewards
        ids = np.array(["a prompt"] * len(rewards), dtype=object)
        section = Section(tau=vector["tau"], parity=True)
        found, returns = get_adv_estimator_fn("gapo")(
            token_level_rewards=by_token, response_mask=mask, index=ids, config=section
        )
        assert torch.equal(found, returns)
        assert torch.equal(found[:, 0], found[:, 2])
        told.append({"name": vector["name"], "advantages": found[:, 0].tolist()})
    known = sorted(str(name) for name in ADV_ESTIMATOR_REGISTRY)
    print(json.dumps({"verl": verl.__version__, "known": known, "vectors": told}))


if __name__ == "__main__":
    main()
