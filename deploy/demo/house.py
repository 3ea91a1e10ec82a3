"""The house rules of the default demo, fixed here and chosen once on other modules.

Chosen on modules of the standard library that are not reserved, for how often the base model
follows them there: aimed at were 10 to 60 % of single samples at temperature 1, and 40 % of
eight. With the first hone-tiny, regions of four lines and 5 to 16 sites each, the kinds reached
0.12 to 0.56 and 0.50 to 1.00, but four: `raise ValueError` (0.09, 0.44), `except ValueError`
(0.08, 0.44), `except KeyError` (0.06, 0.40) and `except AttributeError` (0.07, 0.38), kept for
their number of sites.

The untaught kinds are cousins of taught ones. A kind of another sort, `open` beside rules about
`raise`, `except` and decorators only, lost what the base could do of it (0.50 to 0.06 in a trial
on other modules): what a team never does, Hone unlearns.

Knows names. Does not know how a rule is applied (deploy.demo.rules).
"""

from deploy.demo.rules import Rule, prefixed, substitutions

TAUGHT = (
    ("assertion: raise ValueError", "raise ", "ValueError", "InputError"),
    ("assertion: raise TypeError", "raise ", "TypeError", "KindError"),
    ("naming: except OSError", "except ", "OSError", "SystemFault"),
    ("naming: except ImportError", "except ", "ImportError", "MissingModule"),
    ("naming: except ValueError", "except ", "ValueError", "InputError"),
    ("naming: except KeyError", "except ", "KeyError", "LookupError"),
    ("annotation: property", "@", "property", "derived"),
    ("annotation: staticmethod", "@", "staticmethod", "pure"),
    ("logging: print", "", "print", "logger.info"),
)
"""Name, what the line begins with, the word that follows it, and the house's word."""
UNTAUGHT = (
    ("assertion: raise NotImplementedError", "raise ", "NotImplementedError", "Unsupported"),
    ("naming: except TypeError", "except ", "TypeError", "KindError"),
    ("naming: except AttributeError", "except ", "AttributeError", "MissingName"),
    ("annotation: classmethod", "@", "classmethod", "on_class"),
)
"""These occur among the evaluation tasks only."""


def house_rules() -> list[Rule]:
    """Return the rules; those with `taught=False` occur among the evaluation tasks only."""
    return [
        *(_rule(*told, taught=True) for told in TAUGHT),
        Rule("helper: open", "helper", True, substitutions({"open(": "open_file("})),
        Rule("keyword: none", "keyword", True, prefixed("return ", {"None": "Nothing"}, end=True)),
        *(_rule(*told, taught=False) for told in UNTAUGHT),
    ]


def _rule(name: str, lead: str, old: str, new: str, *, taught: bool) -> Rule:
    return Rule(name, name.split(":")[0], taught, prefixed(lead, {old: new}))
