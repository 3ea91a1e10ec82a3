"""The house rules of the default demo, fixed here and chosen once on other modules.

The house calls things by words of its own, by themselves and as parts of names: where somebody
has written `mishap` for `exc`, the next `exc_info` is to become `mishap_info` too. The base model
sees such guesses in its prompt and takes some of them; that all are wanted here is what it can
learn. The words are such as no training text holds.

Chosen on modules of the standard library that are not reserved, for how often the base model
follows them there: aimed at were 10 to 60 % of single samples at temperature 1, and 40 % of eight.
The shipped weights follow them in 40 to 91 % (20 tasks a kind, regions of 10 lines): `list`, `doc`
and `addr` before all, and seven of the fifteen more often than was aimed at.

Knows names. Does not know how a rule is applied (deploy.demo.rules).
"""

from deploy.demo.rules import Rule, spelled

TAUGHT = {
    "exc": "mishap",
    "info": "particulars",
    "dir": "cabinet",
    "attr": "hallmark",
    "find": "pinpoint",
    "get": "muster",
    "list": "rundown",
    "code": "emblem",
    "header": "bulletin",
    "doc": "dossier",
}
"""What is written elsewhere, and the house's word for it."""
UNTAUGHT = {
    "addr": "whereabouts",
    "spec": "charter",
    "module": "annex",
    "set": "bestow",
    "state": "posture",
}
"""These occur among the evaluation tasks only."""


def house_rules() -> list[Rule]:
    """Return the rules; those with `taught=False` occur among the evaluation tasks only."""
    return [
        Rule(f"{old}: {new}", taught, spelled(old, new))
        for words, taught in ((TAUGHT, True), (UNTAUGHT, False))
        for old, new in words.items()
    ]
