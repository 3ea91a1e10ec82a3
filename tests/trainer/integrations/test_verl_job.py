"""A job for verl and back again, as far as that goes without verl."""

import json
from pathlib import Path

import duckdb
import pytest
from safetensors.torch import save_file

from server.prompts.profiles import profile_for
from tests.trainer.conftest import MODEL
from trainer.adapters import shelf, tuned_adapter
from trainer.batches import read_batch
from trainer.config import TrainerSettings
from trainer.groups import Reader
from trainer.integrations.verl_job import CONTENTS, JobError, bring_back, export
from trainer.integrations.verl_reward import compute_score
from trainer.model import BadAdapter, load_tokenizer

from .conftest import SETTINGS, rollout


def read(path: Path) -> list[tuple]:
    with duckdb.connect() as connection:
        return connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()


def test_an_export_holds_prompts_tasks_and_how_to_start(published, tmp_path, tokenizer):
    job = tmp_path / "job"
    done = export(SETTINGS, [published], job)
    train, held = read(job / "train.parquet"), read(job / "val.parquet")
    assert (len(train), len(held)) == (done.train, done.held)
    assert done.not_said == 0
    rows = {one.suggestion_id: one for one in read_batch(published)[0]}
    taken = sum(one.outcome == "accepted" for one in rows.values()) * 0.7
    assert 0.3 * taken < done.by_weight < 0.7 * taken
    for prompt, source, _, _, extra in train:
        one = rows[extra["suggestion_id"]]
        (message,) = prompt
        ids = tokenizer.apply_chat_template(prompt, chat_template=CONTENTS, tokenize=False)
        assert ids == message["content"]
        assert tokenizer.encode(ids, add_special_tokens=False) == one.prompt_token_ids
        assert source == "hone/hone-tiny"
    asked = json.loads((job / "hone.yaml").read_text())
    assert asked["algorithm"]["adv_estimator"] == "gapo_centred"
    assert asked["actor_rollout_ref"]["rollout"]["n"] == 6
    assert asked["data"]["max_prompt_length"] >= max(len(r.prompt_token_ids) for r in rows.values())


def test_the_reward_is_the_trainer_s(published, tmp_path, tokenizer):
    export(SETTINGS, [published], tmp_path / "job")
    profile = profile_for("hone-tiny")
    reader, verls = Reader(profile, tokenizer), load_tokenizer(tmp_path / "job" / "tokenizer")
    rows = {one.suggestion_id: one for one in read_batch(published)[0]}
    worth = set()
    for _, source, _, truth, extra in read(tmp_path / "job" / "train.parquet"):
        one = rows[extra["suggestion_id"]]
        wanted = profile.format.render_answer(one.context, one.settled_text)
        for text in (wanted, "<|end|>", "<|end|><|end|>", "nonsense"):
            ids = tokenizer.encode(text, add_special_tokens=False)
            (expected,) = reader.score(one, [rollout(ids)]).rewards
            told = verls.decode(ids, skip_special_tokens=True)
            assert compute_score(source, told, truth["ground_truth"], extra) == expected
            worth.add(expected)
    assert len(worth) > 2


@pytest.mark.parametrize(
    ("sections", "why"),
    [
        ({"train": {"method": "sft"}}, "sft is none of verl's"),
        ({"train": {"method": "gapo+sft"}}, "none of verl's"),
        ({"batch": {"held_share": 0.0}}, "0 to hold back: too few"),
    ],
    ids=str,
)
def test_what_verl_cannot_do_is_refused(published, tmp_path, sections, why):
    asked = TrainerSettings.model_validate(sections | {"gate": {"min_items": 4}})
    with pytest.raises(JobError, match=why):
        export(asked, [published], tmp_path / "job")
    assert not (tmp_path / "job").exists()


def adapter(policy, folder: Path, **changes) -> Path:
    folder.mkdir()
    save_file(policy.state(), folder / "adapter_model.safetensors")
    lora = policy.profile.lora
    told = {"r": lora.rank, "lora_alpha": lora.alpha, "target_modules": list(lora.targets)}
    (folder / "adapter_config.json").write_text(json.dumps(told | changes))
    return folder


def test_an_adapter_comes_back_as_adopt_takes_it(published, trained, tmp_path):
    job, out = tmp_path / "job", tmp_path / "out"
    export(SETTINGS, [published], job)
    made = adapter(trained, tmp_path / "made", lora_alpha=0)  # verl's merger may not know it
    profile = bring_back(made, job, out)
    state = tuned_adapter(out, shelf(tmp_path, profile, MODEL))
    assert state.keys() == trained.state().keys()
    with pytest.raises(JobError, match="holds an adapter already"):
        bring_back(made, job, out)
    facts = json.loads((out / "run.json").read_text())
    assert facts["settings"]["tasks"] == [str(published.resolve())]


@pytest.mark.parametrize(
    "changes", [{"r": 4}, {"lora_alpha": 8}, {"target_modules": ["q_proj"]}], ids=str
)
def test_another_shape_is_refused(published, trained, tmp_path, changes):
    export(SETTINGS, [published], tmp_path / "job")
    made = adapter(trained, tmp_path / "made", **changes)
    with pytest.raises(BadAdapter, match="made"):
        bring_back(made, tmp_path / "job", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(BadAdapter, match="nowhere"):
        bring_back(tmp_path / "nowhere", tmp_path / "job", tmp_path / "out")
