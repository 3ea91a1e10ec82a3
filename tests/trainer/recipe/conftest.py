"""Small real parts of the recipe: a tokenizer learnt from a few modules, tasks made in them."""

from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from server.prompts.profiles import profile_for
from trainer.recipe.examples import Example, Examples
from trainer.recipe.tokenizer import save_tokenizer, train_tokenizer
from trainer.synthetic.files import standard_library
from trainer.synthetic.source import SourceFile
from trainer.synthetic.stream import SyntheticMix, stream
from trainer.tasks import EditTask

PROFILE = profile_for("hone-tiny-span")


@pytest.fixture(scope="session")
def files() -> list[SourceFile]:
    return list(islice(standard_library(), 24))


@pytest.fixture(scope="session")
def small_tokenizer(files: list[SourceFile], tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("tokenizer")
    made = train_tokenizer((file.text for file in files), 512, PROFILE.format.markers)
    save_tokenizer(made, folder)
    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


@pytest.fixture(scope="session")
def tasks(files: list[SourceFile]) -> list[EditTask]:
    return list(islice(stream(files, 1, SyntheticMix()), 40))


@pytest.fixture(scope="session")
def examples(small_tokenizer: Any) -> Examples:
    return Examples(small_tokenizer, PROFILE, longest=1500)


@pytest.fixture(scope="session")
def rows(examples: Examples, tasks: list[EditTask]) -> list[Example]:
    torch.set_num_threads(1)
    return list(examples.of_tasks(tasks))
