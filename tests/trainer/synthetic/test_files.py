"""What the readers yield, and what they leave out."""

import gzip
import json
from pathlib import Path

from trainer.reserved import is_reserved
from trainer.synthetic.files import corpus, standard_library


def test_the_standard_library_is_split_by_reservation() -> None:
    open_, kept = (
        {file.path for file in standard_library(reserved=flag)} for flag in (False, True)
    )
    assert open_
    assert kept
    assert not any(map(is_reserved, open_))
    assert all(map(is_reserved, kept))
    assert not any("site-packages" in path or path.startswith("test/") for path in open_ | kept)


def test_unusable_modules_are_left_out(tmp_path: Path) -> None:
    names = [f"m{n}.py" for n in range(40) if not is_reserved(f"m{n}.py")][:4]
    for name, data in zip(names, (b"a = 1\n", b"a\x0cb\n", b"<|x|>\n", b"\xff\n"), strict=True):
        (tmp_path / name).write_bytes(data)
    assert [file.path for file in standard_library(root=tmp_path)] == names[:1]


def test_a_corpus_keeps_known_languages_and_wanted_repositories(tmp_path: Path) -> None:
    rows = [
        {"repo": "a/b", "language": "C#", "path": "A.cs", "text": "class A {\r\n}\r\n"},
        {"repo": "a/b", "language": "COBOL", "path": "a.cob", "text": "x\n"},
        {"repo": "c/d", "language": "Python", "path": "a.py", "text": "x = 1\n"},
        {"repo": "a/b", "language": "Python", "path": "b.py", "text": ""},
    ]
    path = tmp_path / "corpus.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps({**row, "license": "MIT"}) + "\n" for row in rows)
    assert [(f.repository, f.language) for f in corpus(path)] == [
        ("a/b", "csharp"),
        ("c/d", "python"),
    ]
    assert next(corpus(path)).text == "class A {\n}\n"
    assert [f.path for f in corpus(path, leave_out={"c/d"})] == ["A.cs"]
