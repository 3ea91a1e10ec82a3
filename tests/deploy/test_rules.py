"""House rules find their places and leave the rest alone."""

from deploy.demo.house import house_rules
from deploy.demo.rules import spelled


def test_a_word_is_spelled_anew_by_itself_and_as_a_part_of_names() -> None:
    lines = [
        "exc = get_exc()",
        "exc_info, _exc, exc2, EXC = excs",
        "# exc",
        "except E as exc:",
        "f(exception)",
    ]
    found = list(spelled("exc", "mishap")(lines))
    assert found == [
        {
            0: "mishap = get_mishap()",
            1: "mishap_info, _mishap, exc2, EXC = excs",
            3: "except E as mishap:",
        }
    ]


def test_where_the_word_does_not_occur_there_is_no_application() -> None:
    assert list(spelled("exc", "mishap")(["x = 1", "# exc"])) == []


def test_rules_have_distinct_names_and_some_are_never_taught() -> None:
    rules = house_rules()
    assert len({rule.name for rule in rules}) == len(rules)
    assert {rule.taught for rule in rules} == {True, False}
