"""House rules find their places and leave the rest alone."""

from deploy.demo.house import house_rules
from deploy.demo.rules import prefixed, substitutions


def test_prefixed_replaces_whole_names_at_the_start_of_lines() -> None:
    lines = [
        "raise ValueError('x')",
        "    raise ValueError",
        "raise ValueErrors",
        "# raise ValueError",
        "x = ValueError",
    ]
    found = list(prefixed("raise ", {"ValueError": "InputError"})(lines))
    assert found == [{0: "raise InputError('x')", 1: "    raise InputError"}]


def test_prefixed_can_ask_for_the_end_of_the_line() -> None:
    lines = ["return None", "return None or x"]
    rewrite = prefixed("return ", {"None": "MISSING"}, end=True)
    assert list(rewrite(lines)) == [{0: "return MISSING"}]


def test_substitutions_spare_attributes_of_the_same_name() -> None:
    lines = ["f = open(path)", "f = os.open(path)", "reopen(path)", "x.append(1); y.append(2)"]
    rule = substitutions({"open(": "open_file(", ".append(": ".push("})
    assert list(rule(lines)) == [{0: "f = open_file(path)"}, {3: "x.push(1); y.push(2)"}]


def test_each_name_is_an_application_of_its_own() -> None:
    lines = ["@property", "@classmethod", "@property"]
    rule = prefixed("@", {"property": "derived", "classmethod": "on_class"})
    assert list(rule(lines)) == [{0: "@derived", 2: "@derived"}, {1: "@on_class"}]


def test_rules_have_distinct_names_and_some_are_never_taught() -> None:
    rules = house_rules()
    assert len({rule.name for rule in rules}) == len(rules)
    assert {rule.taught for rule in rules} == {True, False}
    areas = {rule.area for rule in rules}
    assert areas == {"keyword", "logging", "assertion", "helper", "naming", "annotation"}
