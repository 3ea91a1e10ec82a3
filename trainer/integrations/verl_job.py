"""Batches to verl and adapters back: `hone-trainer verl-export` and `hone-trainer verl-import`.

    FOLDER/train.parquet, val.parquet   prompt, data_source, reward_model, extra_info
    FOLDER/hone.yaml                    verl's configuration, to be started with Ray
    FOLDER/tokenizer                    the model's, whose markers verl does not drop from answers
    FOLDER/job.json                     what was exported, for the way back

Knows verl's columns and settings (0.9.1). Does not import verl, and starts nothing.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from safetensors import SafetensorError

from feedback_store.publish import replacing
from server.prompts.profile import ModelProfile
from server.prompts.profiles import profile_for
from trainer.adapters import base_sha256
from trainer.batches import DUCKDB_CONFIG, Row, read_batch
from trainer.config import TrainerSettings
from trainer.estimators import ESTIMATORS
from trainer.feed import about, feed
from trainer.integrations.verl_reward import task_text
from trainer.model import CONFIG, BadAdapter, load_tokenizer, read_adapter, write_adapter
from trainer.noise import stable_hash
from trainer.records import FACTS

JOB, CONFIGURATION, TOKENIZER = "job.json", "hone.yaml", "tokenizer"
CONTENTS = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
"""The chat template under which a message is its text and nothing besides."""
DICE = 1 << 32


class JobError(Exception):
    """A job that cannot be made or taken back; the message says what to do."""


@dataclass(frozen=True)
class Exported:
    """How many rows went where."""

    train: int
    held: int
    by_weight: int
    """Left out by the chance that their reference's unreliability gave them."""
    not_said: int
    """Left out since their prompt's text does not give its tokens again."""


def export(settings: TrainerSettings, batches: Sequence[Path], folder: Path) -> Exported:
    """Write a job for verl from published batches.

    Raises:
        JobError: verl does not know the method, or there are too few rows.
        BadBatch, BadManifest: a batch cannot be read.
        FileNotFoundError: there is no base model.
    """
    profile, model = profile_for(settings.model.profile), settings.model_folder()
    if settings.train.method.value not in ESTIMATORS:
        raise JobError(f"{settings.train.method.value} is none of verl's; choose another method")
    rows = [row for batch in batches for row in about(read_batch(batch)[0], profile)]
    parts = feed((), rows, settings, []).parts
    tokenizer = load_tokenizer(model)
    trusted = [row for row in parts.train if _drawn(row)]
    train = list(_records(trusted, profile, tokenizer, settings))
    held = list(_records(parts.held, profile, tokenizer, settings))
    if not train or not held:
        raise JobError(
            f"{len(train)} suggestions to train on and {len(held)} to hold back: too few"
        )
    folder.mkdir(parents=True, exist_ok=True)
    _write_tokenizer(tokenizer, profile, folder / TOKENIZER)
    _write(train, folder / "train.parquet")
    _write(held, folder / "val.parquet")
    longest = max(record["tokens"] for record in (*train, *held))
    # JSON is YAML: one library less.
    told = launch(settings, profile, folder, longest)
    told["data"]["train_batch_size"] = min(told["data"]["train_batch_size"], len(train))
    configuration = json.dumps(told, indent=2) + "\n"
    facts = {
        "profile": profile.name,
        "base_sha256": base_sha256(model),
        "batches": [str(batch.resolve()) for batch in batches],
    }
    for name, text in ((CONFIGURATION, configuration), (JOB, json.dumps(facts, indent=2) + "\n")):
        with replacing(folder / name) as file:
            file.write(text.encode())
    missing = len(trusted) + len(parts.held) - len(train) - len(held)
    return Exported(len(train), len(held), len(parts.train) - len(trusted), missing)


def _drawn(row: Row) -> bool:
    """verl has no weights: a row stays with the chance of its own, decided by its name."""
    return int(stable_hash(row.suggestion_id)[:8], 16) < row.weight * DICE


def _records(
    rows: Sequence[Row], profile: ModelProfile, tokenizer: Any, settings: TrainerSettings
) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(rows):
        text = tokenizer.decode(row.prompt_token_ids, skip_special_tokens=False)
        if tokenizer.encode(text, add_special_tokens=False) != row.prompt_token_ids:
            continue
        yield {
            "prompt": text,
            "tokens": len(row.prompt_token_ids),
            "source": f"hone/{profile.name}",
            "truth": task_text(row.task(profile.silence_value), settings.experiment.reward),
            "number": number,
            "suggestion": row.suggestion_id,
        }


def _write_tokenizer(tokenizer: Any, profile: ModelProfile, folder: Path) -> None:
    """Write a tokenizer to which only what ends an answer is special: verl drops what is."""
    ends = {*profile.format.stop, tokenizer.eos_token, tokenizer.pad_token, tokenizer.bos_token}
    tokenizer.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        told = json.loads((folder / name).read_text("utf-8"))
        told.pop("additional_special_tokens", None)
        told.pop("extra_special_tokens", None)
        decoder = told.get("added_tokens_decoder", {})
        for token in (*told.get("added_tokens", ()), *decoder.values()):
            token["special"] = token["content"] in ends
        (folder / name).write_text(json.dumps(told, ensure_ascii=False), "utf-8")


def _write(records: Sequence[dict[str, Any]], path: Path) -> None:
    place = str(path).replace("'", "''")
    values = [(r["prompt"], r["source"], r["truth"], r["number"], r["suggestion"]) for r in records]
    with duckdb.connect(":memory:", config=DUCKDB_CONFIG) as connection:
        connection.execute(
            "CREATE TABLE job (prompt VARCHAR, source VARCHAR, truth VARCHAR, number INTEGER, "
            "suggestion VARCHAR)"
        )
        if values:
            connection.executemany("INSERT INTO job VALUES (?, ?, ?, ?, ?)", values)
        connection.execute(
            "COPY (SELECT [{'role': 'user', 'content': prompt}] AS prompt, source AS data_source, "
            "'edit' AS ability, {'style': 'rule', 'ground_truth': truth} AS reward_model, "
            "{'index': number, 'suggestion_id': suggestion} AS extra_info FROM job) "
            f"TO '{place}' (FORMAT parquet)"
        )


def launch(
    settings: TrainerSettings, profile: ModelProfile, folder: Path, longest: int
) -> dict[str, Any]:
    """Return verl's configuration for a job: what differs from verl's own defaults."""
    train = settings.train
    return {
        "hydra": {"searchpath": ["pkg://verl.trainer.config"]},
        "defaults": ["ppo_trainer", "_self_"],
        "data": {
            "train_files": str((folder / "train.parquet").resolve()),
            "val_files": str((folder / "val.parquet").resolve()),
            "max_prompt_length": longest,
            "max_response_length": profile.budget.answer_tokens,
            "train_batch_size": train.groups * train.updates,
        },
        "algorithm": {
            "adv_estimator": train.method.estimator,
            "tau": train.tau,
            "use_kl_in_reward": False,
        },
        "actor_rollout_ref": _worker(settings, profile, folder),
        "reward": {
            "custom_reward_function": {
                "path": "pkg://trainer.integrations.verl_reward",
                "name": "compute_score",
            }
        },
        "trainer": {
            "project_name": "hone",
            "experiment_name": folder.name,
            "logger": ["console", "tensorboard"],
            "total_epochs": max(1, round(train.passes)),
            "default_local_dir": str((folder / "checkpoints").resolve()),
        },
    }


def _worker(settings: TrainerSettings, profile: ModelProfile, folder: Path) -> dict[str, Any]:
    """What samples and learns: model, update, rollouts."""
    train, lora = settings.train, profile.lora
    return {
        "model": {
            "path": str(settings.model_folder().resolve()),
            "tokenizer_path": str((folder / TOKENIZER).resolve()),
            "custom_chat_template": CONTENTS,
            "lora_rank": lora.rank,
            "lora_alpha": lora.alpha,
            "target_modules": list(lora.targets),
        },
        "actor": {
            "ppo_mini_batch_size": train.groups,
            "ppo_micro_batch_size_per_gpu": 1,
            "clip_ratio_low": train.clip_low,
            "clip_ratio_high": train.clip_high,
            "loss_agg_mode": "token-mean" if train.mean == "token" else "seq-mean-token-mean",
            "use_kl_loss": train.kl_weight > 0,
            "kl_loss_coef": train.kl_weight,
            "optim": {"lr": train.learning_rate or lora.learning_rate, "weight_decay": 0.0},
        },
        "ref": {"log_prob_micro_batch_size_per_gpu": 1},
        "rollout": {
            "name": "vllm",
            "n": train.samples,
            "temperature": 1.0,
            "top_p": 1.0,
            "top_k": -1,
            "load_format": "safetensors",
            "log_prob_micro_batch_size_per_gpu": 1,
        },
    }


def bring_back(adapter: Path, job: Path, output: Path) -> ModelProfile:
    """Write the adapter that verl made of a job as `hone-trainer adopt` takes it.

    Args:
        adapter: the `lora_adapter` folder that verl's model merger writes.
        job: the folder of the export.
        output: where the adapter goes.

    Raises:
        BadAdapter: it is none, or not of the job's rank, scale and maps.
        JobError: there is an adapter at `output` already.
    """
    if (output / FACTS).exists():
        raise JobError(f"{output} holds an adapter already; name another with --verl.adapter")
    try:
        facts = json.loads((job / JOB).read_text("utf-8"))
        told = json.loads((adapter / CONFIG).read_text("utf-8"))
        profile, state = profile_for(facts["profile"]), read_adapter(adapter)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise BadAdapter(f"{adapter} and {job} do not give an adapter: {error}") from error
    wanted = {"r": profile.lora.rank, "lora_alpha": profile.lora.alpha}
    for name, value in wanted.items():
        if told.get(name) not in (value, *([0] if name == "lora_alpha" else [])):
            raise BadAdapter(f"{adapter} has {name} {told.get(name)}; {profile.name} has {value}")
    if set(told.get("target_modules", ())) != set(profile.lora.targets):
        raise BadAdapter(f"{adapter} is about other maps than {', '.join(profile.lora.targets)}")
    output.mkdir(parents=True, exist_ok=True)
    write_adapter(state, profile, output)  # without its record below it is none yet
    record = {
        "made_by": "verl", "base_sha256": facts["base_sha256"],
        "settings": {"tasks": facts["batches"]},
    }  # fmt: skip
    with replacing(output / FACTS) as file:
        file.write((json.dumps(record, indent=2) + "\n").encode())
    return profile
