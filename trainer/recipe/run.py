"""`hone-trainer pretrain` and `hone-trainer sft`: from files to a model or an adapter in a folder.

Knows the order of things and what is written where. Does not know how any of it is computed.
"""

import json
import os
import shlex
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
from transformers.utils.logging import disable_progress_bar

from server.prompts.profile import ModelProfile
from server.prompts.profiles import profile_for
from trainer.adapters import base_sha256
from trainer.config import TrainerSettings
from trainer.model import device_for, load_policy, load_tokenizer, write_adapter
from trainer.noise import stable_hash
from trainer.progress import Display
from trainer.recipe import checkpoint, circuits, plot
from trainer.recipe.config import PretrainSection, RecipeSection, SftSection
from trainer.recipe.errors import RecipeError
from trainer.recipe.examples import Example, Examples, Teaching
from trainer.recipe.landmarks import landmarks_of
from trainer.recipe.loop import Fit
from trainer.recipe.mixture import Mixture
from trainer.recipe.network import Shape, fresh_model
from trainer.recipe.optimiser import optimisers
from trainer.recipe.sources import (
    Reading,
    answers_of,
    held_synthetic,
    read_files,
    read_tasks,
)
from trainer.recipe.tokenizer import save_tokenizer, train_tokenizer
from trainer.records import RunFolder
from trainer.synthetic.stream import SyntheticMix
from trainer.tasks import EditTask

TOKENIZER_FILES = 4000
"""Files from which the vocabulary is learnt."""
HELD_ROWS = 400
"""Held-out rows of each sort; one look takes as long as a few steps."""
SYNTHETIC = SyntheticMix()


def pretrain(settings: TrainerSettings, display: Display) -> int:
    """Train a model from scratch on source text and synthetic edits; return the exit code."""
    asked, profile = settings.pretrain, profile_for(settings.model.profile)
    _prepare(settings)
    reading = Reading()
    unlike = answers_of(asked.unlike)
    read_files(asked, unlike, reading)
    if not reading.files:
        raise RecipeError("no source files to train on; name a corpus with --pretrain.corpus")
    _say_reading(reading, display)
    folder = _folder(asked)
    tokenizer = _tokenizer(folder, asked, profile, reading, display)
    shape = Shape(len(tokenizer), asked.layers, asked.width, mlp=asked.mlp)
    if asked.induction and not shape.has_room:
        display.say("this shape has no room for laid-in heads; it starts without")
    marks = landmarks_of(tokenizer, profile.format) if asked.induction else None
    model: Any = fresh_model(shape, asked.seed, marks)
    examples = Examples(tokenizer, profile, asked.longest)
    mixture = Mixture(
        examples,
        texts=reading.files,
        edited=reading.files,
        text_share=asked.text_share,
        synthetic_share=1 - asked.text_share,
        synthetic=SYNTHETIC,
        seed=asked.seed,
    )
    held = _held(examples, held_synthetic(reading.held_files, SYNTHETIC), [])
    _fit(model, mixture, held, asked, folder, settings, display)
    _write_model(model, tokenizer, folder, asked, reading)
    display.say(f"the model is in {folder}")
    return 0


def sft(settings: TrainerSettings, display: Display) -> int:
    """Tune a model, or an adapter of it, on next-edit tasks; return the exit code."""
    profile = profile_for(settings.model.profile)
    asked = settings.sft.resolved(profile.context_tokens)
    _prepare(settings)
    base = base_folder(settings)
    folder = _folder(asked)
    reading = _sft_reading(asked, profile.idle_share)
    _say_reading(reading, display)
    where = settings.model
    policy = (
        load_policy(base, profile, where.device, asked.seed, where.dtype) if asked.lora else None
    )
    model: Any = policy.model if policy else _all_weights(base)
    tokenizer = load_tokenizer(base)
    taught = Teaching(profile.longest_answer, asked.silence_weight or profile.silence_weight)
    examples = Examples(tokenizer, profile, asked.longest, taught)
    mixture = Mixture(
        examples,
        edited=reading.files,
        tasks=reading.tasks,
        synthetic_share=asked.synthetic_share,
        synthetic=SYNTHETIC,
        seed=asked.seed,
    )
    synthetic = held_synthetic(reading.held_files, SYNTHETIC) if reading.files else []
    # What is only looked at keeps its true answers, also those that are not taught.
    held = _held(Examples(tokenizer, profile, asked.longest), synthetic, reading.held_tasks)
    _fit(model, mixture, held, asked, folder, settings, display)
    if policy:
        write_adapter(policy.state(), profile, folder)
        _describe(folder, asked, reading, base_sha256=base_sha256(base))
    else:
        _write_model(model, tokenizer, folder, asked, reading)
    display.say(f"the {'adapter' if policy else 'model'} is in {folder}")
    return 0


def base_folder(settings: TrainerSettings) -> Path:
    """Return the folder of the model to tune.

    Raises:
        RecipeError: it is not here. Nothing is fetched from anywhere.
    """
    asked = settings.sft.base
    if not asked:
        return settings.model_folder()
    if (Path(asked) / "config.json").is_file():
        return Path(asked)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(asked, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError) as error:
        raise RecipeError(
            f"{asked} is neither a model's folder nor in the local cache of models; fetch it "
            f"first (hf download {asked}), since training connects to nothing"
        ) from error


def _sft_reading(asked: SftSection, idle_share: float) -> Reading:
    reading = Reading()
    unlike = answers_of(asked.unlike)
    read_tasks(asked, unlike, reading, idle_share)
    if asked.corpus:
        read_files(asked, unlike, reading)
    if not reading.tasks and not reading.files:
        raise RecipeError("no tasks to tune on; name mined folders or files with --sft.tasks")
    return reading


def _all_weights(base: Path) -> Any:
    model: Any = AutoModelForCausalLM.from_pretrained(
        base, dtype=torch.float32, attn_implementation="sdpa", local_files_only=True
    )
    if circuits.are_laid_in(model):
        circuits.keep_embeddings_in_place(model)
    return model


def _fit(
    model: Any,
    mixture: Mixture,
    held: Mapping[str, Sequence[Example]],
    asked: RecipeSection,
    folder: Path,
    settings: TrainerSettings,
    display: Display,
) -> None:
    model.to(device_for(settings.model.device))
    rate = asked.adapter_rate or mixture.examples.profile.lora.learning_rate
    made = optimisers(model, asked.rate, asked.embedding_rate, rate)
    Fit(model, made, mixture, held, asked, folder, display).run()
    plot.draw(folder)


def _tokenizer(
    folder: Path,
    asked: PretrainSection,
    profile: ModelProfile,
    reading: Reading,
    display: Display,
) -> PreTrainedTokenizerFast:
    """The vocabulary of this run: learnt once, read back when a run resumes."""
    if not asked.resume:
        began = time.monotonic()
        chosen = sorted(reading.files, key=lambda f: stable_hash(f.path))[:TOKENIZER_FILES]
        texts = (file.text for file in chosen)
        made = train_tokenizer(texts, asked.vocabulary, profile.format.markers)
        save_tokenizer(made, folder)
        display.say(f"a vocabulary of {made.get_vocab_size()} in {time.monotonic() - began:.0f} s")
    return load_tokenizer(folder)


def _held(
    examples: Examples, synthetic: Sequence[EditTask], real: Sequence[EditTask]
) -> dict[str, list[Example]]:
    """Sort held-out rows: renames, other made edits, real ones, and where nothing is wanted."""
    rows: dict[str, list[Example]] = defaultdict(list)
    for source, tasks in (("made", synthetic), ("real", real)):
        for task in sorted(tasks, key=lambda task: stable_hash(task.id)):
            name = "quiet" if not task.wants_edit else source
            if task.kind == "rename" and task.wants_edit:
                name = "rename"
            if len(rows[name]) < HELD_ROWS:
                rows[name] += examples.of_tasks([task])
    return dict(rows)


def _write_model(
    model: Any, tokenizer: Any, folder: Path, asked: RecipeSection, reading: Reading
) -> None:
    """Write the weights in bfloat16, half the size; whoever loads them computes in float32."""
    weights = model.to("cpu", torch.bfloat16)
    weights.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids("<|end|>")
    weights.config.eos_token_id = weights.generation_config.eos_token_id
    weights.config.pad_token_id = tokenizer.pad_token_id
    weights.generation_config.pad_token_id = tokenizer.pad_token_id
    weights.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    _describe(folder, asked, reading)


def _resolved(asked: RecipeSection) -> dict[str, object]:
    """The tasks' paths, wherever the record is read from."""
    if not isinstance(asked, SftSection):
        return {}
    return {"tasks": tuple(path.resolve() for path in asked.tasks)}


def _describe(folder: Path, asked: RecipeSection, reading: Reading, **more: str) -> None:
    RunFolder(folder).describe(
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        settings=json.loads(asked.model_copy(update=_resolved(asked)).model_dump_json()),
        files=len(reading.files),
        tasks=len(reading.tasks),
        left_out=dict(reading.left_out),
        torch=torch.__version__,
        threads=torch.get_num_threads(),
        synthetic=asdict(SYNTHETIC),
        cpu_count=os.cpu_count(),
        **more,
    )


def _say_reading(reading: Reading, display: Display) -> None:
    left = ", ".join(f"{count} {reason}" for reason, count in sorted(reading.left_out.items()))
    display.say(
        f"{len(reading.files)} files and {len(reading.tasks)} tasks to train on, "
        f"{len(reading.held_files)} and {len(reading.held_tasks)} to look at"
        + (f"; left out: {left}" if left else "")
    )


def _folder(asked: RecipeSection) -> Path:
    if not asked.resume and (asked.output / "run.json").exists():
        raise RecipeError(f"{asked.output} holds a finished run; choose another output")
    if not asked.resume and checkpoint.exists(asked.output):
        raise RecipeError(
            f"{asked.output} holds an unfinished run; go on with it (resume), or choose another "
            "output"
        )
    asked.output.mkdir(parents=True, exist_ok=True)
    return asked.output


def _prepare(settings: TrainerSettings) -> None:
    disable_progress_bar()  # of writing and loading weights, which takes a second
    if settings.model.threads:
        torch.set_num_threads(settings.model.threads)
