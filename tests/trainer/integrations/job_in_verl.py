"""Runs where verl is installed: reads a job with verl's own parts, merges an adapter, as JSON.

VERL_PYTHON -m tests.trainer.integrations.job_in_verl JOB ADAPTER ANSWER...
"""

import asyncio
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir  # pyright: ignore[reportMissingImports]
from safetensors.torch import load_file
from transformers import AutoTokenizer
from verl import DataProto  # pyright: ignore[reportMissingImports]
from verl.experimental.reward_loop.reward_manager import (  # pyright: ignore[reportMissingImports]
    get_reward_manager_cls,
)
from verl.model_merger.base_model_merger import (  # pyright: ignore[reportMissingImports]
    BaseModelMerger,
)
from verl.trainer.ppo.core_algos import (  # pyright: ignore[reportMissingImports]
    get_adv_estimator_fn,
)
from verl.trainer.ppo.reward import get_custom_reward_fn  # pyright: ignore[reportMissingImports]
from verl.utils.dataset.rl_dataset import RLHFDataset  # pyright: ignore[reportMissingImports]


def main() -> None:
    job, adapter = Path(sys.argv[1]), Path(sys.argv[2])
    with initialize_config_dir(str(job), version_base=None):
        config = compose("hone")
    model = config.actor_rollout_ref.model
    tokenizer = AutoTokenizer.from_pretrained(model.tokenizer_path)
    tokenizer.chat_template = model.custom_chat_template
    data = RLHFDataset(config.data.train_files, tokenizer, config.data)
    prompts = [
        tokenizer.apply_chat_template(row["raw_prompt"], add_generation_prompt=True)["input_ids"]
        for row in data
    ]
    worth = asyncio.run(scores(config, tokenizer, data[0], sys.argv[3:]))
    estimator = get_adv_estimator_fn(config.algorithm.adv_estimator)
    found, _ = estimator(
        token_level_rewards=torch.tensor(worth)[:, None],
        response_mask=torch.ones(len(worth), 1),
        index=np.array(["a"] * len(worth), dtype=object),
        config=config.algorithm,
    )
    merge(adapter, job / "merged")
    told = {
        "prompts": prompts,
        "ids": [row["extra_info"]["suggestion_id"] for row in data],
        "scores": worth,
        "advantages": found[:, 0].tolist(),
        "rank": model.lora_rank,
        "clip": config.actor_rollout_ref.actor.clip_ratio_high,
    }
    print(json.dumps(told))


async def scores(
    config: Any, tokenizer: Any, row: dict[str, Any], answers: list[str]
) -> list[float]:
    """What verl's reward manager gives our answers to one row, by our function."""
    manager_class = get_reward_manager_cls("naive")
    reward = get_custom_reward_fn(config)
    manager = manager_class(config=config, tokenizer=tokenizer, compute_score=reward)
    found = []
    for text in answers:
        ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False)])
        batch = DataProto.from_dict(
            tensors={"responses": ids, "attention_mask": torch.ones_like(ids)},
            non_tensors={
                name: np.array([row[name]], dtype=object)
                for name in ("data_source", "reward_model", "extra_info")
            },
        )
        found.append((await manager.run_single(batch))["reward_score"])
    return found


def merge(adapter: Path, folder: Path) -> None:
    """Write an adapter as verl's merger does, from the names that FSDP gives its tensors."""
    state = {
        name.replace(".weight", ".default.weight"): tensor
        for name, tensor in load_file(adapter / "adapter_model.safetensors").items()
    }
    asked = SimpleNamespace(target_dir=str(folder), local_dir=str(folder))
    merger = SimpleNamespace(config=asked)
    merger._load_lora_train_meta = lambda: BaseModelMerger._load_lora_train_meta(merger)
    BaseModelMerger.save_lora_adapter(merger, state)


if __name__ == "__main__":
    main()
