"""The languages whose definitions are understood: which nodes of their syntax trees define a name.

A table per language and how its tree-sitter grammar is loaded, when a file of it is first parsed:
starting must not wait for that. Does not know how trees are walked (`lsp.definitions`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Parser


@dataclass(frozen=True)
class Grammar:
    """One language's table."""

    family: str
    """Languages of a family use each other's names."""
    load: Callable[[], object]
    """Imports the grammar, which takes some milliseconds."""
    named: Mapping[str, str]
    """The nodes that define something, and the field that holds the name."""
    values: frozenset[str]
    """Those of them that define a variable."""
    through: frozenset[str]
    """The nodes in which definitions are looked for; not the bodies of functions."""
    around: frozenset[str]
    """Those of them that belong to the one definition that they hold, as a decorator does."""

    def parser(self) -> "Parser":
        """Load the grammar and return a parser."""
        from tree_sitter import Language, Parser

        return Parser(Language(self.load()))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _script(load: Callable[[], object]) -> Grammar:
    """JavaScript and TypeScript: the first's nodes are among the second's."""
    named = _words(
        "function_declaration generator_function_declaration function_signature class_declaration "
        "abstract_class_declaration interface_declaration enum_declaration type_alias_declaration "
        "method_definition abstract_method_signature variable_declarator public_field_definition "
        "internal_module module"
    )
    return Grammar(
        family="script",
        load=load,
        named=dict.fromkeys(named, "name") | {"field_definition": "property"},
        values=_words("variable_declarator public_field_definition field_definition"),
        through=_words(
            "export_statement ambient_declaration expression_statement internal_module module "
            "statement_block lexical_declaration variable_declaration class_declaration "
            "abstract_class_declaration class_body"
        ),
        around=_words(
            "export_statement ambient_declaration lexical_declaration variable_declaration"
        ),
    )


def grammars() -> dict[str, Grammar]:
    """Return the tables by LSP's language identifiers."""
    script = _script(_javascript)
    typed = _script(_typescript)
    return {
        "python": _PYTHON,
        "javascript": script,
        "javascriptreact": script,
        "typescript": typed,
        "typescriptreact": _script(_tsx),
        "go": _GO,
        "rust": _RUST,
        "java": _JAVA,
    }


def _python() -> object:
    import tree_sitter_python

    return tree_sitter_python.language()


def _javascript() -> object:
    import tree_sitter_javascript

    return tree_sitter_javascript.language()


def _typescript() -> object:
    import tree_sitter_typescript

    return tree_sitter_typescript.language_typescript()


def _tsx() -> object:
    import tree_sitter_typescript

    return tree_sitter_typescript.language_tsx()


def _go() -> object:
    import tree_sitter_go

    return tree_sitter_go.language()


def _rust() -> object:
    import tree_sitter_rust

    return tree_sitter_rust.language()


def _java() -> object:
    import tree_sitter_java

    return tree_sitter_java.language()


_PYTHON = Grammar(
    family="python",
    load=_python,
    named={
        "function_definition": "name",
        "class_definition": "name",
        "assignment": "left",
        "type_alias_statement": "left",
    },
    values=_words("assignment"),
    through=_words(
        "decorated_definition class_definition block expression_statement if_statement else_clause "
        "try_statement except_clause"
    ),
    around=_words("decorated_definition"),
)
_GO = Grammar(
    family="go",
    load=_go,
    named=dict.fromkeys(
        _words("function_declaration method_declaration type_spec type_alias const_spec var_spec"),
        "name",
    ),
    values=_words("const_spec var_spec"),
    through=_words("const_declaration var_declaration var_spec_list type_declaration"),
    around=_words("const_declaration var_declaration type_declaration"),
)
_RUST = Grammar(
    family="rust",
    load=_rust,
    named=dict.fromkeys(
        _words(
            "function_item function_signature_item struct_item enum_item union_item trait_item "
            "type_item const_item static_item macro_definition"
        ),
        "name",
    ),
    values=_words("const_item static_item"),
    through=_words("impl_item trait_item mod_item declaration_list"),
    around=frozenset(),
)
_JAVA = Grammar(
    family="java",
    load=_java,
    named=dict.fromkeys(
        _words(
            "class_declaration interface_declaration enum_declaration record_declaration "
            "annotation_type_declaration method_declaration constructor_declaration "
            "variable_declarator"
        ),
        "name",
    ),
    values=_words("variable_declarator"),
    through=_words(
        "class_declaration interface_declaration enum_declaration record_declaration class_body "
        "interface_body enum_body enum_body_declarations field_declaration constant_declaration"
    ),
    around=_words("field_declaration constant_declaration"),
)
