import assert from "node:assert/strict";
import test from "node:test";
import { type Drawing, draw } from "../src/drawing";

/** Draw the replacement of whole text between two places of `before`. */
function drawn(before: string, from: [number, number], to: [number, number], text: string): Drawing {
  const lines = before.split("\n");
  const range = { start: { line: from[0], character: from[1] }, end: { line: to[0], character: to[1] } };
  return draw((line) => lines[line] ?? "", range, text);
}

test("a changed word is struck out and the new one written after it", () => {
  const drawing = drawn("a\nvalue_4 = 4\n", [1, 0], [1, 7], "total_4");
  assert.deepEqual(drawing.struck, [{ line: 1, start: 0, end: 7 }]);
  assert.deepEqual(drawing.inserted, [{ line: 1, character: 7, text: "total_4" }]);
  assert.deepEqual([drawing.line, drawing.character], [1, 0]);
});

test("an insertion within a line strikes nothing out", () => {
  const drawing = drawn("def f(a):\n", [0, 7], [0, 7], ", b=None");
  assert.deepEqual(drawing.struck, []);
  assert.deepEqual(drawing.inserted, [{ line: 0, character: 7, text: ", b=None" }]);
});

test("a word that only grows is not struck out", () => {
  const drawing = drawn("x = val + 1", [0, 4], [0, 7], "value_1");
  assert.deepEqual(drawing.struck, []);
  assert.deepEqual(drawing.inserted, [{ line: 0, character: 7, text: "ue_1" }]);
});

test("of several lines only what differs is marked", () => {
  const before = "x = 1\ny = 2\nz = 3\n";
  const drawing = drawn(before, [0, 0], [3, 0], "x = 1\ny = 70\nz = 3\n");
  assert.deepEqual(drawing.struck, [{ line: 1, start: 4, end: 5 }]);
  assert.deepEqual(drawing.inserted, [{ line: 1, character: 5, text: "70" }]);
  assert.equal(drawing.line, 1);
});

test("a removed line is struck out as a whole", () => {
  const drawing = drawn("a()\nb()\nc()\n", [1, 0], [2, 0], "");
  assert.deepEqual(drawing.struck, [{ line: 1, start: 0, end: 3 }]);
  assert.deepEqual(drawing.inserted, []);
});

test("new lines are written at the end of the line above, with a sign for each break", () => {
  const drawing = drawn("a()\nd()\n", [1, 0], [1, 0], "b()\nc()\n");
  assert.deepEqual(drawing.inserted, [{ line: 0, character: 3, text: " ⏎ b() ⏎ c()" }]);
  assert.deepEqual(drawing.struck, []);
});

test("new lines before the first line are written at its beginning", () => {
  const drawing = drawn("b()\n", [0, 0], [0, 0], "a()\n");
  assert.deepEqual(drawing.inserted, [{ line: 0, character: 0, text: "a()⏎" }]);
});

test("a line with little in common is replaced as a whole, behind its indent", () => {
  const drawing = drawn("    return None\n", [0, 4], [0, 15], "for row in rows: yield row");
  assert.deepEqual(drawing.struck, [{ line: 0, start: 4, end: 15 }]);
  assert.deepEqual(drawing.inserted, [{ line: 0, character: 15, text: " for row in rows: yield row" }]);
});

test("a long insertion is cut, with a sign", () => {
  const [mark] = drawn("\n", [0, 0], [0, 0], "x".repeat(1000)).inserted;
  assert.ok(mark && mark.text.length === 240 && mark.text.endsWith("…"));
});

test("line ends of the other kind are no change", () => {
  const drawing = drawn("a\nb\n", [0, 0], [1, 1], "a\r\nc");
  assert.deepEqual(drawing.struck, [{ line: 1, start: 0, end: 1 }]);
});

test("characters beyond the first plane keep their two units", () => {
  const drawing = drawn('s = "😀 a"\n', [0, 8], [0, 9], "b");
  assert.deepEqual(drawing.struck, [{ line: 0, start: 8, end: 9 }]);
});
