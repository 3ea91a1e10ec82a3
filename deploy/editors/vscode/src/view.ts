/** A drawing on an editor: decorations of our own. Knows how it looks; does not know when. */
import * as vscode from "vscode";
import type { Drawing } from "./drawing";

const NO_BREAK_SPACE = "\u00a0";

export class View implements vscode.Disposable {
  private readonly struck = vscode.window.createTextEditorDecorationType({
    textDecoration: "line-through",
    backgroundColor: new vscode.ThemeColor("diffEditor.removedTextBackground"),
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
  });
  private readonly inserted = vscode.window.createTextEditorDecorationType({
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
  });
  private readonly target: vscode.TextEditorDecorationType;
  private readonly hint = vscode.window.createTextEditorDecorationType({});
  private drawnOn: vscode.TextEditor | undefined;

  constructor(extension: vscode.Uri) {
    this.target = vscode.window.createTextEditorDecorationType({
      gutterIconPath: vscode.Uri.joinPath(extension, "media", "next-edit.svg"),
      gutterIconSize: "contain",
      overviewRulerColor: new vscode.ThemeColor("editorOverviewRuler.addedForeground"),
      overviewRulerLane: vscode.OverviewRulerLane.Center,
    });
  }

  /** Draw on the editor, in place of whatever was drawn before. */
  draw(editor: vscode.TextEditor, drawing: Drawing, hover: vscode.MarkdownString): void {
    this.clear();
    this.drawnOn = editor;
    const struck = drawing.struck.map((s) => new vscode.Range(s.line, s.start, s.line, s.end));
    editor.setDecorations(this.struck, struck.map((range) => ({ range, hoverMessage: hover })));
    editor.setDecorations(
      this.inserted,
      drawing.inserted.map(({ line, character, text }) => ({
        range: new vscode.Range(line, character, line, character),
        hoverMessage: hover,
        renderOptions: { after: inserted(text) },
      })),
    );
    const at = new vscode.Range(drawing.line, 0, drawing.line, 0);
    editor.setDecorations(this.target, [{ range: at, hoverMessage: hover }]);
  }

  /** Say beside the cursor where the next edit is, or take that back. */
  say(editor: vscode.TextEditor, text: string | undefined): void {
    const end = editor.document.lineAt(editor.selection.active.line).range.end;
    const after = { contentText: spaced(`   ${text}`), color: new vscode.ThemeColor("editorGhostText.foreground") };
    editor.setDecorations(this.hint, text ? [{ range: new vscode.Range(end, end), renderOptions: { after } }] : []);
  }

  clear(): void {
    for (const type of [this.struck, this.inserted, this.target]) this.drawnOn?.setDecorations(type, []);
    for (const editor of vscode.window.visibleTextEditors) editor.setDecorations(this.hint, []);
    this.drawnOn = undefined;
  }

  dispose(): void {
    for (const type of [this.struck, this.inserted, this.target, this.hint]) type.dispose();
  }
}

function inserted(text: string): vscode.ThemableDecorationAttachmentRenderOptions {
  return {
    contentText: spaced(text),
    color: new vscode.ThemeColor("editor.foreground"),
    backgroundColor: new vscode.ThemeColor("diffEditor.insertedTextBackground"),
  };
}

/** Blanks would be collapsed, tabs have no width. */
function spaced(text: string): string {
  return text.replaceAll("\t", NO_BREAK_SPACE.repeat(4)).replaceAll(" ", NO_BREAK_SPACE);
}
