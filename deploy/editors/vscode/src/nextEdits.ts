/**
 * The next edit from question to answer: asks after edits and moves, shows, jumps, applies, dismisses.
 * Knows editor and server. Does not know how anything is drawn or which key means what.
 */
import * as vscode from "vscode";
import { type Drawing, draw } from "./drawing";
import type { Ghosts } from "./ghosts";
import { type NextEdit, SERVER, suggestionOf } from "./messages";
import type { Server } from "./server";
import { tabIndents } from "./tab";
import type { View } from "./view";

const AFTER_EDIT_MS = 120;
const AFTER_MOVE_MS = 300;
/** Moving the cursor asks only so long after an edit: a reader wants nothing, and the engine is everybody's. */
const RECENT_MS = 10_000;

interface Offer {
  readonly edits: readonly NextEdit[];
  readonly edit: NextEdit;
  readonly drawing: Drawing | undefined;
}

export class NextEdits implements vscode.Disposable {
  private offer: Offer | undefined;
  private timer: NodeJS.Timeout | undefined;
  private asking: vscode.CancellationTokenSource | undefined;
  /** Whether an edit is about to be followed by a question. */
  private typing = false;
  private editedAt = Number.NEGATIVE_INFINITY;
  /** The suggestion last reported as shown. */
  private reported: unknown;
  private readonly owned: vscode.Disposable[];

  constructor(
    private readonly server: Server,
    private readonly view: View,
    private readonly ghosts: Ghosts,
  ) {
    this.owned = [
      vscode.workspace.onDidChangeTextDocument((e) => this.edited(e)),
      vscode.window.onDidChangeTextEditorSelection((e) => this.moved(e)),
      vscode.window.onDidChangeTextEditorVisibleRanges((e) => this.hint(e.textEditor)),
      vscode.window.onDidChangeActiveTextEditor((editor) => this.switched(editor)),
      ghosts.onDidOffer(() => this.giveWay()),
    ];
  }

  /** What is on offer, if anything is. */
  get current(): NextEdit | undefined {
    return this.offer?.edit;
  }

  /** Whether what is on offer can be seen. */
  get visible(): boolean {
    const editor = vscode.window.activeTextEditor;
    return editor !== undefined && this.offer !== undefined && this.sees(editor, this.offer.edit);
  }

  /** Ask for the next edit at the cursor, `delay` milliseconds from now; an older question is void. */
  ask(delay = 0): void {
    this.forget();
    this.timer = setTimeout(() => {
      this.typing = false;
      void this.askNow();
    }, delay);
  }

  /** Apply what is on offer where it can be seen; else go there first. */
  async accept(): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    const edit = this.offer?.edit;
    if (!editor || !edit) return;
    if (!this.visible) return this.jump();
    if (editor.document.version !== edit.textDocument.version) return this.ask();
    this.withdraw();
    const applied = await editor.edit((builder) => builder.replace(rangeOf(edit), edit.text));
    if (!applied) return this.ask();
    const start = editor.document.offsetAt(rangeOf(edit).start);
    const end = editor.document.positionAt(start + edit.text.length);
    editor.selection = new vscode.Selection(end, end);
    await this.server.report(edit.command);
    this.ask();
  }

  /** Refuse what is on offer, ghost text too: it does not come back. */
  async dismiss(): Promise<void> {
    const ghost = this.ghosts.offered(vscode.window.activeTextEditor);
    const named = suggestionOf(this.offer?.edit.command) || suggestionOf(ghost);
    this.withdraw();
    this.ghosts.withdraw();
    await vscode.commands.executeCommand("editor.action.inlineSuggest.hide");
    if (named) await this.server.run(SERVER.dismiss, named);
  }

  /** Put the cursor where the next edit is, in whichever file. */
  async jump(): Promise<void> {
    const edit = this.offer?.edit;
    if (!edit) return;
    const { line, character } = this.offer?.drawing ?? edit.range.start;
    const at = new vscode.Position(line, character);
    await vscode.window.showTextDocument(vscode.Uri.parse(edit.textDocument.uri), {
      selection: new vscode.Range(at, at),
    });
  }

  /** Show the next alternative (1) or the previous one (-1). */
  async cycle(step: 1 | -1): Promise<void> {
    const offer = this.offer;
    if (!offer) return;
    if (offer.edits.length > 1) {
      const index = offer.edits.indexOf(offer.edit) + step + offer.edits.length;
      const edit = offer.edits[index % offer.edits.length];
      return edit && this.show(offer.edits, edit);
    }
    this.take(await this.server.edits(step === 1 ? SERVER.next : SERVER.previous, suggestionOf(offer.edit.command)));
  }

  /** Show edits that the user asked for by a command, if there are any. */
  take(edits: readonly NextEdit[]): void {
    const [edit] = edits;
    if (!edit) return;
    this.forget();
    this.show(edits, edit);
  }

  /** Take from the screen what is on offer. */
  withdraw(): void {
    this.offer = undefined;
    this.view.clear();
    this.setContext();
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.asking?.dispose();
    for (const one of this.owned) one.dispose();
  }

  /** Want no answer any more to what was asked. */
  private forget(): void {
    this.typing = false;
    clearTimeout(this.timer);
    this.asking?.cancel();
  }

  private async askNow(): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    if (!editor || !this.server.running) return this.withdraw();
    this.asking?.dispose();
    const source = (this.asking = new vscode.CancellationTokenSource());
    let edits: NextEdit[] = [];
    try {
      edits = await this.server.nextEdits(editor, source.token);
    } catch (error) {
      if (!(error instanceof vscode.CancellationError)) edits = [];
    }
    if (source.token.isCancellationRequested || editor !== vscode.window.activeTextEditor) return;
    const [edit] = edits;
    if (edit) this.show(edits, edit);
    else this.withdraw();
  }

  private show(edits: readonly NextEdit[], edit: NextEdit): void {
    const editor = vscode.window.activeTextEditor;
    const { document } = editor ?? {};
    if (!editor || !document) return;
    const here = this.isHere(editor, edit);
    // An answer about a text that is gone; the change that ended it asks anew.
    if (here && edit.textDocument.version !== document.version) return this.withdraw();
    if (suggestionOf(this.ghosts.offered(editor)) === suggestionOf(edit.command)) return this.withdraw();
    const drawing = here ? draw((line) => lineAt(document, line), edit.range, edit.text) : undefined;
    this.offer = { edits, edit, drawing };
    if (drawing) this.view.draw(editor, drawing, hover(edit));
    else this.view.clear();
    this.hint(editor);
    this.setContext();
  }

  /** Ghost text shows the same suggestion: once on the screen is enough. */
  private giveWay(): void {
    const ghost = this.ghosts.offered(vscode.window.activeTextEditor);
    if (ghost && suggestionOf(ghost) === suggestionOf(this.offer?.edit.command)) this.withdraw();
    this.setContext();
  }

  private edited(event: vscode.TextDocumentChangeEvent): void {
    const active = vscode.window.activeTextEditor;
    if (event.contentChanges.length === 0 || event.document !== active?.document) return;
    const edit = this.offer?.edit;
    if (edit && this.isHere(active, edit) && event.contentChanges.some((c) => touches(c.range, rangeOf(edit)))) {
      this.withdraw();
    }
    this.ask(AFTER_EDIT_MS);
    this.typing = true;
    this.editedAt = performance.now();
  }

  private moved(event: vscode.TextEditorSelectionChangeEvent): void {
    if (event.textEditor !== vscode.window.activeTextEditor) return;
    this.hint(event.textEditor);
    this.setContext();
    // Typing moves the cursor too, and is about to ask already, sooner.
    if (event.kind !== undefined && !this.typing) this.askIfRecent();
  }

  /** The user looks at another editor. What is on offer there, after a jump, is drawn at once. */
  private switched(editor: vscode.TextEditor | undefined): void {
    if (!editor) return; // as between any two editors
    this.server.focused(editor.document);
    const offer = this.offer;
    if (offer && this.isHere(editor, offer.edit)) this.show(offer.edits, offer.edit);
    else this.withdraw();
    this.askIfRecent();
  }

  private askIfRecent(): void {
    if (performance.now() - this.editedAt < RECENT_MS) this.ask(AFTER_MOVE_MS);
  }

  /** Say beside the cursor where an edit is that cannot be seen; report one that can. */
  private hint(editor: vscode.TextEditor): void {
    const edit = this.offer?.edit;
    if (!edit || editor !== vscode.window.activeTextEditor) return;
    if (this.sees(editor, edit)) {
      this.view.say(editor, undefined);
      if (this.reported !== suggestionOf(edit.command)) this.server.shown(edit);
      this.reported = suggestionOf(edit.command);
      return;
    }
    const file = vscode.workspace.asRelativePath(vscode.Uri.parse(edit.textDocument.uri));
    const line = (this.offer?.drawing?.line ?? edit.range.start.line) + 1;
    this.view.say(editor, `next edit: ${this.isHere(editor, edit) ? "line " : `${file}:`}${line}`);
  }

  private isHere(editor: vscode.TextEditor, edit: NextEdit): boolean {
    return this.server.uri(editor.document) === edit.textDocument.uri;
  }

  private sees(editor: vscode.TextEditor, edit: NextEdit): boolean {
    const line = this.offer?.drawing?.line ?? edit.range.start.line;
    return this.isHere(editor, edit) && editor.visibleRanges.some((r) => r.start.line <= line && line <= r.end.line);
  }

  private setContext(): void {
    const editor = vscode.window.activeTextEditor;
    const visible = this.offer !== undefined;
    const at = editor?.selection.active;
    const indents = !editor || !at || tabIndents((line) => lineAt(editor.document, line), at.line, at.character);
    const tab = vscode.workspace.getConfiguration("hone").get("tab", false);
    const set = (key: string, value: boolean): void => void vscode.commands.executeCommand("setContext", key, value);
    set("hone.nextEdit", visible);
    set("hone.tab", visible && tab && !indents);
    set("hone.ghost", this.ghosts.offered(editor) !== undefined);
  }
}

function lineAt(document: vscode.TextDocument, line: number): string {
  return line < document.lineCount ? document.lineAt(line).text : "";
}

function rangeOf(edit: NextEdit): vscode.Range {
  const { start, end } = edit.range;
  return new vscode.Range(start.line, start.character, end.line, end.character);
}

function touches(change: vscode.Range, edit: vscode.Range): boolean {
  return change.start.line <= edit.end.line && edit.start.line <= change.end.line;
}

function hover(edit: NextEdit): vscode.MarkdownString {
  const text = new vscode.MarkdownString("Hone suggests:\n");
  return text.appendCodeblock(edit.text);
}
