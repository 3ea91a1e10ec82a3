"""What each kind of edit does to a small file."""

import random
import re

import pytest

from tests.trainer.synthetic.made import SOURCES, plan_text
from trainer.synthetic.edits import Plan
from trainer.synthetic.source import Source, SourceFile, masked, prepared
from trainer.synthetic.stream import PLANNERS
from trainer.synthetic.words import Vocabulary, join, split, style_of

WORDS = Vocabulary(("order_total", "itemCount"), ("audit", "metrics.emit"), ("cached",), ("price",))


def plans(
    kind: str, text: str, language: str = "python", seeds: int = 60
) -> list[tuple[Source, Plan]]:
    source = prepared(SourceFile("r", "a", language, text), random.Random(0))
    assert source is not None
    made = (PLANNERS[kind](source, random.Random(seed), WORDS) for seed in range(seeds))
    return [(source, plan) for plan in made if plan]


@pytest.mark.parametrize("kind", PLANNERS)
@pytest.mark.parametrize("language", SOURCES)
def test_a_plan_changes_two_places_or_more_and_none_overlap(kind: str, language: str) -> None:
    made = plans(kind, SOURCES[language], language)
    assert made
    for source, plan in made:
        assert len(plan.edits) >= 2
        ends = 0
        for edit in plan.edits:
            assert ends <= edit.start <= edit.end <= len(source.lines)
            assert tuple(source.lines[edit.start : edit.end]) != edit.new
            ends = edit.end


def test_a_rename_leaves_no_free_occurrence_behind() -> None:
    text = "limit = 1\nprint(limit)\n# the limit\nother(limit, 'limit')\n" + "x = 2\n" * 20
    for source, plan in plans("rename", text):
        if "limit" in source.lines[plan.edits[0].start]:
            after = masked(plan_text(source, plan), "python")
            assert not re.search(r"\blimit\b", after)
            assert "# the limit" in plan_text(source, plan)


def test_an_attribute_and_a_local_of_one_name_are_renamed_apart() -> None:
    text = (
        "class A:\n    def __init__(self, size):\n        self.size = size\n"
        "    def grow(self, by):\n        self.size += by\n        return self.size\n"
        "    def twice(self, size):\n        return size * 2\n"
    ) + "x = 2\n" * 40
    seen = set()
    for source, plan in plans("rename", text, seeds=300):
        after = plan_text(source, plan)
        if "= size" in after and ".size" not in after:
            seen.add("attribute")
        if ".size" in after and "(self, size)" not in after:
            seen.add("local")
    assert seen == {"attribute", "local"}


def test_one_part_is_replaced_in_every_longer_name_and_in_its_case() -> None:
    names = ("get_user", "userId", "UserList", "USER_MAX", "old_user", "abuser_x")
    text = "".join(f"{name} = {n}\nprint({name})\n" for n, name in enumerate(names)) + "x\n" * 60
    found = False
    for source, plan in plans("rename", text, seeds=400):
        after = plan_text(source, plan)
        if "get_price" in after and "priceId" in after:
            found = True
            assert all(name in after for name in ("PriceList", "PRICE_MAX", "old_price"))
            assert "abuser_x" in after
            assert plan.telling == 2
    assert found


def test_an_argument_goes_into_the_definition_first_and_into_every_call() -> None:
    text = "def add(a, b):\n    return a\n\nadd(1, 2)\nadd((3, 4), f(5, 6))\nx = [add(7, '(')]\n"
    seen = set()
    for source, plan in plans("argument", text):
        assert plan.lead == 0
        before, after = source.lines, plan_text(source, plan).splitlines()
        changes = [after[n].count(",") - before[n].count(",") for n in (0, 3, 5)]
        assert plan.telling == (2 if changes[0] > 0 else 1)
        assert changes in ([1, 1, 1], [-1, -1, -1])
        seen.add(changes[0])
        if changes[0] < 0:
            kept = {"1": ("add((3, 4))", "x = [add(7)]"), "2": ("add(f(5, 6))", "x = [add('(')]")}
            assert (after[4], after[5]) == kept[after[3].strip("ad()")]
    assert seen == {1, -1}


def test_a_deletion_empties_no_block_of_python() -> None:
    text = "def f():\n    log(1)\n\ndef g():\n    log(2)\n    x = 3\n    log(x)\n    return x\n"
    for source, plan in plans("deletion", text):
        after = plan_text(source, plan)
        if "log(2)" not in after:
            assert "log(1)" in after
            assert 1 in plan.blocked


def test_an_insertion_follows_the_name_of_the_line_above() -> None:
    text = "a = load(1)\nb = load(2)\nif b:\n    c = load(3)\n" + "pass\n" * 12
    adapted = False
    for source, plan in plans("insertion", text):
        new = [edit.new[0] for edit in plan.edits]
        adapted |= all(
            re.search(rf"\b{name}\b", line) for name, line in zip("abc", new, strict=True)
        )
        assert new[2].startswith("    ")
        assert "".join(plan_text(source, plan).split()).count("load") == 3
    assert adapted


@pytest.mark.parametrize(
    ("language", "text", "code"),
    [
        ("python", "x = 'a # b'  # c", "x = '     '     "),
        ("python", 'f"{x} y" + "z"', ' "{x}  " + " "'),
        ("python", '"""\nif x\n"""', '"  \n    \n  "'),
        ("javascript", "a(`b ${c}`) // d", "a(`   {c}`)     "),
        ("rust", "fn f<'a>(x: &'a str) { '\\n' }", "fn f<'a>(x: &'a str) { '  ' }"),
        ("java", 'a /* b\nc */ = "d";', 'a     \n     = " ";'),
    ],
)
def test_strings_and_comments_are_blanked_column_by_column(
    language: str, text: str, code: str
) -> None:
    result = masked(text, language)
    assert [len(line) for line in result.split("\n")] == [len(line) for line in text.split("\n")]
    assert result == code


@pytest.mark.parametrize("name", ["parse_page", "_parsePage", "ParsePage", "PARSE_PAGE", "_page"])
def test_parts_and_style_give_the_name_back(name: str) -> None:
    assert join(split(name), style_of(name)) == name
