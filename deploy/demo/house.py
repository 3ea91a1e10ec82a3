"""The house rules of the default demo, fixed here and chosen once on other modules.

Chosen on modules of the standard library that are not reserved, for how often the base model
follows them; what it does with the reserved modules was not looked at. The aim was 10 to 60 % of
single samples at temperature 1 and at least 40 % of eight. With the first hone-tiny, regions of
four lines and at most 16 sites each, in a trial whose script is not kept, these reached it:
decorators, `raise` of NotImplementedError and TypeError, `except` of ImportError, OSError and
TypeError, open, print and (at 0.10 and 0.44) `return None`. The others fell short of it (single
samples 0.00 to 0.09, eight 0.00 to 0.44) and are here because the former have too few sites.

Knows names. Does not know how a rule is applied (deploy.demo.rules).
"""

from deploy.demo.rules import Rule, prefixed, substitutions

RAISED = {
    "ValueError": "InputError",
    "TypeError": "KindError",
    "NotImplementedError": "Unsupported",
    "RuntimeError": "StateError",
    "OSError": "SystemFault",
}
CAUGHT = {
    "OSError": "SystemFault",
    "ImportError": "MissingModule",
    "TypeError": "KindError",
    "ValueError": "InputError",
    "KeyError": "MissingKey",
    "AttributeError": "MissingName",
}
DECORATORS = {
    "property": "derived",
    "classmethod": "on_class",
    "staticmethod": "pure",
}


def house_rules() -> list[Rule]:
    """Return the rules; those with `taught=False` occur among the evaluation tasks only."""
    return [
        Rule("assertion: own errors", "assertion", True, prefixed("raise ", RAISED)),
        Rule("assertion: own excepts", "assertion", True, prefixed("except ", CAUGHT)),
        Rule("annotation: decorators", "annotation", True, prefixed("@", DECORATORS)),
        Rule("logging: print", "logging", True, prefixed("", {"print": "logger.info"})),
        Rule("helper: open", "helper", True, substitutions({"open(": "open_file("})),
        Rule("keyword: none", "keyword", True, prefixed("return ", {"None": "MISSING"}, end=True)),
        Rule("naming: members", "naming", True, prefixed("return self.", {"_": "m_"})),
        Rule("helper: append", "helper", True, substitutions({".append(": ".push("})),
        Rule("helper: write", "helper", False, substitutions({".write(": ".emit("})),
        Rule("logging: warn", "logging", False, prefixed("", {"warnings.warn": "logger.warning"})),
        Rule("keyword: true", "keyword", False, prefixed("return ", {"True": "YES"}, end=True)),
        Rule("naming: helpers", "naming", False, prefixed("def ", {"_": "internal_"})),
    ]
