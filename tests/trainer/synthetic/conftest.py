"""Real files to make tasks of: modules of the standard library, read once."""

import pytest

from trainer.synthetic.files import standard_library
from trainer.synthetic.source import SourceFile


@pytest.fixture(scope="session")
def modules() -> list[SourceFile]:
    """Every third module of those that training may read."""
    return list(standard_library())[::3]
