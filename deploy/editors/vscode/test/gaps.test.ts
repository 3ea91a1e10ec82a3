import assert from "node:assert/strict";
import test from "node:test";
import { type Gap, gaps } from "../src/gaps";

/** Put the new parts in place of the old ones. */
function applied(before: string[], after: string[], found: readonly Gap[]): string[] {
  const result: string[] = [];
  let at = 0;
  for (const gap of found) {
    result.push(...before.slice(at, gap.start), ...after.slice(gap.newStart, gap.newEnd));
    at = gap.end;
  }
  return [...result, ...before.slice(at)];
}

test("equal sequences have no gaps", () => {
  assert.deepEqual(gaps(["a", "b"], ["a", "b"]), []);
  assert.deepEqual(gaps([], []), []);
});

test("what is common stays between the gaps", () => {
  const found = gaps([..."axbyc"], [..."a1b2c"]);
  assert.deepEqual(found, [
    { start: 1, end: 2, newStart: 1, newEnd: 2 },
    { start: 3, end: 4, newStart: 3, newEnd: 4 },
  ]);
});

test("the gaps of any two sequences turn one into the other", () => {
  let seed = 1;
  const dice = (sides: number): number => (seed = (seed * 48271) % 2147483647) % sides;
  for (let round = 0; round < 500; round++) {
    const [before, after] = [0, 1].map(() => Array.from({ length: dice(8) }, () => "abc"[dice(3)] ?? ""));
    assert.ok(before && after);
    assert.deepEqual(applied(before, after, gaps(before, after)), after);
  }
});

test("sequences too large to compare closely are one gap", () => {
  const before = Array.from({ length: 600 }, (_, i) => `a${i}`);
  const after = Array.from({ length: 600 }, (_, i) => `b${i}`);
  assert.deepEqual(gaps(before, after), [{ start: 0, end: 600, newStart: 0, newEnd: 600 }]);
});
