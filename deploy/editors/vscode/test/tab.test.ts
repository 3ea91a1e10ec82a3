import assert from "node:assert/strict";
import test from "node:test";
import { tabIndents } from "../src/tab";

const LINES = ["def f():", "    a = 1", "", "    b = 2"];
const lineAt = (line: number): string => LINES[line] ?? "";

test("Tab indents left of a line's text", () => {
  assert.equal(tabIndents(lineAt, 1, 0), true);
  assert.equal(tabIndents(lineAt, 1, 3), true);
  assert.equal(tabIndents(lineAt, 1, 4), false);
  assert.equal(tabIndents(lineAt, 1, 9), false);
});

test("on a blank line the block above counts", () => {
  assert.equal(tabIndents(lineAt, 2, 0), true);
  assert.equal(tabIndents(lineAt, 2, 4), false);
});

test("on an empty first line nothing is to be indented", () => {
  assert.equal(tabIndents(() => "", 0, 0), false);
});
