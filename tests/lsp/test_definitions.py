"""What each language's files define, and which definitions a region is shown."""

import pytest

from lsp.definitions import MAX_CHARS, MAX_LINES, Definition, definitions
from lsp.grammars import grammars
from lsp.related import AMBIGUOUS, KEPT_FILES, Index, related

PYTHON = """\
LIMIT = 3
first, second = 1, 2
size: int = 4
type Name = str

@cached
def area(width):
    inner = width
    return inner

class Shape(Base):
    sides = 4
    @property
    def name(self): return 1

if TYPE_CHECKING:
    async def late(): ...
"""
SCRIPT = """\
export function area(width) { const inner = 1; }
const one = 1, two = () => { const hidden = 1; };
export default class Shape extends Base { sides = 4; name() {} static get kind() {} }
function* each() {}
var old = 3;
"""
TYPED = """\
export interface Shape { sides: number; }
type Name = string | number;
enum Kind { Round, Square }
abstract class Base { private id = 1; abstract area(): number; }
namespace Space { export function inside() {} }
declare function outside(name: string): void;
export const limit: number = 1;
"""
GO = """\
package main
const Limit = 1
const (
  Low = 2
  High = 3
)
var first, second = 1, 2
type Shape struct { sides int }
type Name = string
func Area(width int) int { inner := 1; return inner }
func (s *Shape) Kind() {}
"""
RUST = """\
pub fn area() { let inner = 1; }
struct Shape { sides: i32 }
enum Kind { Round }
trait Named { fn name(&self); }
impl Named for Shape { fn title(&self) {} const LIMIT: i32 = 1; }
static GLOBAL: i32 = 3;
type Alias = i32;
mod inside { fn deep() {} }
macro_rules! each { () => {} }
"""
JAVA = """\
package shapes;
public class Shape extends Base {
  private static final int LIMIT = 3;
  int first, second;
  Shape(int width) {}
  @Override
  public int area() { int inner = 1; return inner; }
  enum Kind { ROUND; void each() {} }
}
interface Named { void name(); }
record Pair(int left) { int sum() { return 1; } }
"""


def defined(language: str, text: str) -> list[Definition]:
    grammar = grammars()[language]
    return definitions(grammar, grammar.parser(), text, lambda: None)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("python", PYTHON, "LIMIT first second size Name area Shape sides name late"),
        ("javascript", SCRIPT, "area one two Shape sides name kind each old"),
        ("javascriptreact", "const x = <A b={c}/>;\nfunction App() {}\n", "x App"),
        ("typescript", TYPED, "Shape Name Kind Base id area Space inside outside limit"),
        ("typescriptreact", "const x: A = <A b={c}/>;\nfunction App() {}\n", "x App"),
        ("go", GO, "Limit Low High first second Shape Name Area Kind"),
        ("rust", RUST, "area Shape Kind Named name title LIMIT GLOBAL Alias deep each"),
        ("java", JAVA, "Shape LIMIT first second Shape area Kind each Named name Pair sum"),
    ],
)
def test_names_but_none_of_the_inside_of_functions(language: str, text: str, expected: str) -> None:
    assert [one.name for one in defined(language, text)] == expected.split()


@pytest.mark.parametrize(
    ("language", "text", "name", "expected"),
    [
        (
            "python",
            PYTHON,
            "area",
            "@cached\ndef area(width):\n    inner = width\n    return inner\n",
        ),
        ("python", PYTHON, "sides", "    sides = 4\n"),
        ("python", PYTHON, "late", "    async def late(): ...\n"),
        ("go", GO, "High", "  High = 3\n"),
        ("go", GO, "Shape", "type Shape struct { sides int }\n"),
        ("typescript", TYPED, "limit", "export const limit: number = 1;\n"),
        ("java", JAVA, "LIMIT", "  private static final int LIMIT = 3;\n"),
    ],
)
def test_what_belongs_to_a_definition_is_shown_with_it(
    language: str, text: str, name: str, expected: str
) -> None:
    assert next(one.text for one in defined(language, text) if one.name == name) == expected


def test_only_the_head_of_what_is_long() -> None:
    [long] = defined("python", "def long():\n" + "    line\n" * 100)
    assert long.text.count("\n") == MAX_LINES
    [wide] = defined("python", "WIDE = '" + "x" * 10_000 + "'\n")
    assert len(wide.text) <= MAX_CHARS + 1


def test_broken_code_gives_what_can_be_read() -> None:
    names = [
        one.name for one in defined("python", "def good(): pass\n)(\n\ud800\ndef also(): pass\n")
    ]
    assert "good" in names
    assert defined("python", "") == []


def test_it_pauses_often_so_that_others_get_their_turn() -> None:
    pauses: list[None] = []
    grammar = grammars()["python"]
    text = "x = 1\n" * 10_000
    definitions(grammar, grammar.parser(), text, lambda: pauses.append(None))
    assert len(pauses) > len(text) / 4_096 + 10_000


def index_of(**files: str) -> Index:
    index = Index()
    for name, text in files.items():
        index.put(name, "python", defined("python", text))
    return index


def shown(index: Index, region: str, cursor_line: int = 0, seen: str = "") -> list[str]:
    found = related(index, "python", "here", region, cursor_line, seen + region)
    return [f"{one.uri}:{one.definition.name}" for one in found]


def test_names_near_the_cursor_come_first() -> None:
    index = index_of(other="def one(): ...\ndef two(): ...\ndef six(): ...\n")
    region = "two()\n\nsix(); unknown()\none()\n"
    assert shown(index, region, 2) == ["other:six", "other:one", "other:two"]


def test_what_is_seen_already_is_not_shown_again() -> None:
    index = index_of(here="def near(): ...\ndef far(): ...\n")
    assert shown(index, "near(); far()", seen="def near(): ...\n") == ["here:far"]


def test_the_same_file_knows_best_and_many_files_know_nothing() -> None:
    others = {f"other{n}": "def run(): ...\n" for n in range(AMBIGUOUS + 1)}
    assert shown(index_of(**others), "run()") == []
    assert shown(index_of(**others, here="def run(): ...\n"), "run()") == ["here:run"]
    assert shown(index_of(a="def run(): ...\n", b="def run(): ...\n"), "run()") == ["b:run"]


def test_variables_of_other_files_are_seldom_meant() -> None:
    text = "path = 1\nLIMIT = 2\n"
    assert shown(index_of(other=text), "path + LIMIT") == ["other:LIMIT"]
    assert shown(index_of(here=text), "path + LIMIT") == ["here:path", "here:LIMIT"]


def test_languages_do_not_mix() -> None:
    index = index_of()
    index.put("other", "go", defined("go", GO))
    assert shown(index, "Area()") == []


def test_files_are_replaced_dropped_and_bounded() -> None:
    index = index_of(other="def old(): ...\n")
    index.put("other", "python", defined("python", "def new(): ...\n"))
    assert shown(index, "old(new())") == ["other:new"]
    index.drop("other")
    index.drop("other")
    assert shown(index, "new()") == []
    many = {f"file{n}": f"def name{n}(): ...\n" for n in range(KEPT_FILES + 1)}
    index = index_of(**many)
    assert len(index.files) == KEPT_FILES
    assert shown(index, "name0() name1()") == ["file1:name1"]
