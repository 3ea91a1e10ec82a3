"""The house rules of the default demo, fixed here and chosen once on other modules.

Chosen on modules of the standard library that are not reserved, among sixty candidates, for how
often the base model follows them: rules that it does not prefer but sometimes samples. What it
does with the reserved modules was not looked at. Measured there with the first hone-tiny, regions
of four lines, 16 sites a rule:

    pass@1 at temperature 1    0.05 to 0.56, most 0.10 to 0.25
    pass@8                     0.31 to 1.00, most 0.40 to 0.75

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
