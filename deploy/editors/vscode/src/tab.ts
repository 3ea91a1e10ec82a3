/** Whether Tab means "indent" at a cursor. Knows lines only. */

/** Return whether the cursor is left of where its block's text begins: there, Tab indents. */
export function tabIndents(lineAt: (line: number) => string, line: number, character: number): boolean {
  const here = lineAt(line);
  if (here.trim()) return character < indentOf(here);
  for (let above = line - 1; above >= 0; above--) {
    const text = lineAt(above);
    if (text.trim()) return character < indentOf(text);
  }
  return false;
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}
