/** What differs between two sequences: the shortest edit script, as gaps. Knows nothing of editors. */

/** `before[start, end)` became `after[newStart, newEnd)`; what lies between gaps is equal. */
export interface Gap {
  readonly start: number;
  readonly end: number;
  readonly newStart: number;
  readonly newEnd: number;
}

/** Larger tables than this are not worth their time on screen: all of it is one gap then. */
const MOST_CELLS = 250_000;

/** Return the gaps between two sequences, in order. */
export function gaps(before: readonly string[], after: readonly string[]): Gap[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = before.length;
  let newEnd = after.length;
  while (end > start && newEnd > start && before[end - 1] === after[newEnd - 1]) {
    end--;
    newEnd--;
  }
  if (start === end && start === newEnd) return [];
  const whole = { start, end, newStart: start, newEnd };
  if (start === end || start === newEnd || (end - start) * (newEnd - start) > MOST_CELLS) return [whole];
  return between(before, after, whole);
}

function between(before: readonly string[], after: readonly string[], whole: Gap): Gap[] {
  const longest = table(before, after, whole);
  const found: Gap[] = [];
  let i = whole.start;
  let j = whole.newStart;
  while (i < whole.end || j < whole.newEnd) {
    const from = { start: i, newStart: j };
    while (i < whole.end || j < whole.newEnd) {
      if (i < whole.end && j < whole.newEnd && before[i] === after[j]) break;
      const down = longest(i + 1, j);
      const right = longest(i, j + 1);
      if (i < whole.end && (j >= whole.newEnd || down >= right)) i++;
      else j++;
    }
    if (i > from.start || j > from.newStart) found.push({ ...from, end: i, newEnd: j });
    while (i < whole.end && j < whole.newEnd && before[i] === after[j]) {
      i++;
      j++;
    }
  }
  return found;
}

/** Return a function that tells the length of the longest common subsequence from (i, j) on. */
function table(before: readonly string[], after: readonly string[], whole: Gap): (i: number, j: number) => number {
  const width = whole.newEnd - whole.newStart + 1;
  const cells = new Uint32Array((whole.end - whole.start + 1) * width);
  const at = (i: number, j: number): number => (i - whole.start) * width + (j - whole.newStart);
  const longest = (i: number, j: number): number => (i > whole.end || j > whole.newEnd ? 0 : (cells[at(i, j)] ?? 0));
  for (let i = whole.end - 1; i >= whole.start; i--) {
    for (let j = whole.newEnd - 1; j >= whole.newStart; j--) {
      const same = before[i] === after[j];
      cells[at(i, j)] = same ? longest(i + 1, j + 1) + 1 : Math.max(longest(i + 1, j), longest(i, j + 1));
    }
  }
  return longest;
}
