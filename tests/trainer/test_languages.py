"""Languages by a file's name and by what a data set calls them."""

import pytest

from trainer.languages import language_called, language_of


@pytest.mark.parametrize(
    ("called", "path", "language"),
    [
        ("Python", "a.py", "python"),
        ("Shell", "run", "shellscript"),
        ("C#", "a.cs", "csharp"),
        ("C++", "a.h", "cpp"),  # by its name alone a header would be C
        ("JavaScript", "a.jsx", "javascriptreact"),
        ("TypeScript", "a.tsx", "typescriptreact"),
        ("TypeScript", "a.ts", "typescript"),
    ],
)
def test_what_a_data_set_calls_a_language(called, path, language):
    assert language_called(called, path) == language


def test_names_and_extensions_in_any_case():
    assert language_of("sub/Makefile") == "makefile"
    assert language_of("A.PY") == "python"
    assert language_of("a.unknown") is None
