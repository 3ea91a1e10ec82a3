"""The public example form: regions taken apart, events read, and what is not in the form."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.evaluation.zeta import CURSOR, END, START, Unusable, excerpt, read_zeta

EVENTS = """\
User opened file "src/other.rs"

User edited "src/main.rs":

```diff
@@ -1,3 +1,3 @@
 fn main() {
-    let total = 0;
+    let amount = 0;
 }
```

User edited "src/lib.rs":

```diff
@@ -4,1 +4,2 @@
+mod more;
 mod last;

```"""


def fenced(region, path="src/main.rs", prefix="fn main() {\n", suffix="}\n"):
    return f"```{path}\n<|start_of_file|>\n{prefix}{START}\n{region}{END}\n{suffix}```"


def row(**changes):
    return {
        "events": EVENTS,
        "input": fenced(f"    let amount = 0;\n    use_it({CURSOR}total);\n"),
        "output": fenced("    let amount = 0;\n    use_it(amount);\n"),
        "labels": "local-edit,infer-refactor",
        "assertions": "ignored",
    } | changes


def write(path, rows):
    path.write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    return path


def test_an_example(tmp_path):
    (task,) = read_zeta(write(tmp_path / "eval.jsonl", [row()]), Counter())
    context = task.context
    assert (task.source, task.repository, task.kind) == ("zeta", "eval", "edit")
    assert task.cluster == context.path == "src/main.rs"
    assert context.language == "rust"
    assert context.prefix == "fn main() {\n"
    assert context.region == "    let amount = 0;\n    use_it(total);\n"
    assert context.suffix == "}\n"
    assert (context.cursor_line, context.cursor_character) == (1, 11)
    assert context.region_first_line == 1
    assert task.wanted == "    let amount = 0;\n    use_it(amount);\n"
    assert [(edit.path, edit.diff) for edit in context.recent_edits] == [
        ("src/main.rs", " fn main() {\n-    let total = 0;\n+    let amount = 0;\n"),
        ("src/lib.rs", "+mod more;\n"),
    ]


def test_an_example_in_which_nothing_is_wanted(tmp_path):
    same = row(output=fenced(f"    let amount = 0;\n    use_it(total){CURSOR};\n"))
    (task,) = read_zeta(write(tmp_path / "eval.jsonl", [same]), Counter())
    assert task.kind == "nothing"
    assert not task.wants_edit


def test_an_event_in_the_excerpts_file_is_named_as_it_is(tmp_path):
    longer = row(input=fenced("total\n", path="project/src/main.rs"))
    (task,) = read_zeta(write(tmp_path / "eval.jsonl", [longer]), Counter())
    paths = [edit.path for edit in task.context.recent_edits]
    assert paths == ["project/src/main.rs", "src/lib.rs"]


def test_of_the_output_only_the_region_counts(tmp_path):
    bare = row(output=f"{START}\n    use_it(amount);\n{END}\n```\n")
    (task,) = read_zeta(write(tmp_path / "eval.jsonl", [bare]), Counter())
    assert task.wanted == "    use_it(amount);\n"


def test_what_is_not_in_the_form_is_counted_by_reason(tmp_path):
    rows = [
        row(input="no fence"),
        row(output="```a.rs\nnothing marked\n```"),
        row(input=fenced("a\n").replace(f"{START}\n", "")),
        row(input=fenced("a\n", prefix="half a line ")),
        {"events": "", "input": fenced("a\n")},
        row(events=None),
        row(output=fenced("\ud800\n")),
        row(input=fenced("\ud800\n")),
        row(),
        ["no object"],
    ]
    skipped = Counter()
    found = list(read_zeta(write(tmp_path / "eval.jsonl", rows), skipped))
    assert [task.id[:10] for task in found] == ["eval-00008"]
    assert skipped == {
        "no_fence": 1,
        "no_region": 2,
        "region_within_line": 1,
        "missing_field": 2,
        "bad_text": 2,
        "unreadable_line": 1,
    }


@pytest.mark.parametrize(
    ("text", "region", "suffix"),
    [
        (f"```a\n{START}\n{END}\n```", "", ""),
        (f"```a\n{START}\n\n{END}\n```", "\n", ""),
        (f"```a\n{START}\nlast{END}\n```", "last\n", ""),
        (f"```a\r\n{START}\r\nb\r\n{END}\r\n```\r\n", "b\n", ""),
        (f"```a\n{START}\nb\n{END}\n```c\nd\n```\nlast\n```", "b\n", "```c\nd\n```\nlast\n"),
        (f"```a\n{START}\nb\n{END}\ncut off", "b\n", "cut off\n"),
    ],
)
def test_the_edges_of_a_region(text, region, suffix):
    found = excerpt(text)
    assert (found.region, found.suffix) == (region, suffix)


LINES = st.lists(st.text("ab `", max_size=5)).map(lambda lines: "".join(f"{x}\n" for x in lines))


@settings(deadline=None)
@given(LINES, LINES, LINES, st.integers(0, 40))
def test_the_excerpt_comes_back_as_it_was(prefix, region, suffix, at):
    at = min(at, len(region))
    marked = region[:at] + CURSOR + region[at:]
    found = excerpt(f"```p.py\n{prefix}{START}\n{marked}{END}\n{suffix}last\n```")
    assert found.prefix + found.region + found.suffix == f"{prefix}{region}{suffix}last\n"
    assert found.region == region
    before = region[:at]
    assert found.cursor == (before.count("\n"), len(before) - before.rfind("\n") - 1)


def test_two_regions_are_none():
    with pytest.raises(Unusable, match="no_region"):
        excerpt(f"```a\n{START}\nb\n{END}\n{START}\nb\n{END}\n```")
