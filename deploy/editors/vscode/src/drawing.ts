/**
 * A next edit as marks on the text that is still there: what to strike out, what to write beside it.
 * Knows positions and texts. Does not know any editor, nor where the edit came from.
 */
import { gaps } from "./gaps";
import type { Range } from "./messages";

/** A piece of one line that the edit removes. */
export interface Struck {
  readonly line: number;
  readonly start: number;
  readonly end: number;
}

/** A text that the edit inserts, beside a place. */
export interface Inserted {
  readonly line: number;
  readonly character: number;
  readonly text: string;
}

export interface Drawing {
  readonly struck: readonly Struck[];
  readonly inserted: readonly Inserted[];
  /** Where the change begins: the line to jump to. */
  readonly line: number;
  readonly character: number;
}

/** Stands for a line break: a decoration has one line only. */
export const BREAK = "⏎";
const LONGEST = 240;
/** A line that keeps fewer of its words and signs than this is easier to read as removed and written anew. */
const ALIKE = 0.4;

/** Draw the replacement of `range` by `text` in a document given by its lines. */
export function draw(lineAt: (line: number) => string, range: Range, text: string): Drawing {
  const { start, end } = range;
  const before: string[] = [];
  for (let line = start.line; line <= end.line; line++) before.push(lineAt(line));
  const prefix = (before[0] ?? "").slice(0, start.character);
  const suffix = (before.at(-1) ?? "").slice(end.character);
  const after = (prefix + text + suffix).split(/\r\n|\r|\n/);
  const struck: Struck[] = [];
  const inserted: Inserted[] = [];
  for (const gap of gaps(before, after)) {
    const old = before.slice(gap.start, gap.end);
    const fresh = after.slice(gap.newStart, gap.newEnd);
    const pairs = Math.min(old.length, fresh.length);
    for (let i = 0; i < pairs; i++) {
      drawLine(start.line + gap.start + i, old[i] ?? "", fresh[i] ?? "", struck, inserted);
    }
    old.slice(pairs).forEach((text, i) => {
      struck.push({ line: start.line + gap.start + pairs + i, start: 0, end: text.length });
    });
    if (fresh.length > pairs) {
      inserted.push(block(start.line + gap.start + pairs, fresh.slice(pairs), lineAt));
    }
  }
  const places = [...struck.map((s) => ({ line: s.line, character: s.start })), ...inserted];
  const first = places.reduce((a, b) => (b.line < a.line || (b.line === a.line && b.character < a.character) ? b : a), {
    line: end.line,
    character: end.character,
  });
  return { struck, inserted, line: first.line, character: first.character };
}

/** Whole new lines before the line `line`: written at the end of the one above it, if there is one. */
function block(line: number, texts: readonly string[], lineAt: (line: number) => string): Inserted {
  const text = texts.map((t) => t.trimEnd());
  if (line === 0) return { line: 0, character: 0, text: short(text.map((t) => t + BREAK).join(" ")) };
  return { line: line - 1, character: lineAt(line - 1).length, text: short(text.map((t) => ` ${BREAK} ${t}`).join("")) };
}

function drawLine(line: number, old: string, fresh: string, struck: Struck[], inserted: Inserted[]): void {
  const before = tokens(old);
  const after = tokens(fresh);
  const found = gaps(before, after);
  const lost = found.reduce((sum, gap) => sum + inked(before.slice(gap.start, gap.end)), 0);
  const kept = inked(before) - lost;
  if (kept < ALIKE * Math.min(inked(before), inked(after))) {
    const indent = old.length - old.trimStart().length;
    if (old.trim()) struck.push({ line, start: indent, end: old.trimEnd().length });
    if (fresh.trim()) inserted.push({ line, character: old.length, text: short((old.trim() ? " " : "") + fresh.trim()) });
    return;
  }
  for (const gap of found) {
    const start = width(before.slice(0, gap.start));
    const removed = before.slice(gap.start, gap.end).join("");
    const written = after.slice(gap.newStart, gap.newEnd).join("");
    // A word that only grows is not struck out.
    const kept = grows(removed, written);
    const end = start + (kept ?? removed.length);
    if (kept === undefined && removed) struck.push({ line, start, end });
    const text = kept === undefined ? written : written.slice(kept, kept + written.length - removed.length);
    if (text) inserted.push({ line, character: end, text: short(text) });
  }
}

/** Where `longer` has something put into `shorter`, the place; undefined where it is another text. */
function grows(shorter: string, longer: string): number | undefined {
  if (!shorter || longer.length <= shorter.length) return undefined;
  let head = 0;
  while (head < shorter.length && shorter[head] === longer[head]) head++;
  return longer.endsWith(shorter.slice(head)) ? head : undefined;
}

/** Words, runs of blanks, and every other character on its own. */
function tokens(line: string): string[] {
  return line.match(/[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu) ?? [];
}

function width(parts: readonly string[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

function inked(parts: readonly string[]): number {
  return parts.filter((part) => part.trim()).length;
}

function short(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}
