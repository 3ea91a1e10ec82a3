/** The commands of the palette and the keys, each a few calls. */
import * as vscode from "vscode";
import { SERVER, suggestionOf } from "./messages";
import type { NextEdits } from "./nextEdits";
import type { Server } from "./server";
import type { StatusBar } from "./statusBar";

const LEVELS: readonly vscode.QuickPickItem[] = [
  { label: "full", description: "what was suggested, what became of it, and the code around it" },
  { label: "facts", description: "what became of suggestions; no code" },
  { label: "off", description: "nothing" },
];

/** Return the commands by name; all begin with `hone.editor`, the server's own with `hone`. */
export function commands(server: Server, edits: NextEdits, bar: StatusBar): Record<string, () => unknown> {
  return {
    "hone.editor.accept": () => edits.accept(),
    "hone.editor.acceptWord": () => part(server, edits, "Word"),
    "hone.editor.acceptLine": () => part(server, edits, "Line"),
    "hone.editor.dismiss": () => edits.dismiss(),
    "hone.editor.jump": () => edits.jump(),
    "hone.editor.next": () => edits.cycle(1),
    "hone.editor.previous": () => edits.cycle(-1),
    "hone.editor.resuggest": () => resuggest(server, edits),
    "hone.editor.instruct": () => instruct(server, edits),
    "hone.editor.feedback": () => switchFeedback(server, bar),
    "hone.editor.status": () => bar.open(),
    "hone.editor.log": () => server.showLog(),
  };
}

/** A part of the next edit is the server's to cut; of ghost text, the editor's. */
async function part(server: Server, edits: NextEdits, unit: "Word" | "Line"): Promise<void> {
  const edit = edits.current;
  if (!edit) {
    await vscode.commands.executeCommand(`editor.action.inlineSuggest.acceptNext${unit}`);
    return;
  }
  if (!edits.visible) return edits.jump();
  await server.run(unit === "Word" ? SERVER.acceptWord : SERVER.acceptLine, suggestionOf(edit.command));
  edits.ask();
}

async function resuggest(server: Server, edits: NextEdits): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (!editor) return;
  const { line, character } = editor.selection.active;
  const uri = server.uri(editor.document);
  const found = await server.edits(SERVER.resuggest, { uri, position: { line, character } });
  edits.take(found);
  // What can be shown as ghost text is.
  if (found.length > 0) await vscode.commands.executeCommand("editor.action.inlineSuggest.trigger");
}

async function instruct(server: Server, edits: NextEdits): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (!editor) return;
  const instruction = await vscode.window.showInputBox({
    title: "Hone: edit the selection",
    prompt: "What should become of the selected lines?",
    placeHolder: "use pathlib",
  });
  if (!instruction?.trim()) return;
  const { start, end } = editor.selection;
  const range = {
    start: { line: start.line, character: start.character },
    end: { line: end.line, character: end.character },
  };
  const asked = server.edits(SERVER.instruct, { uri: server.uri(editor.document), range, instruction });
  const location = vscode.ProgressLocation.Window;
  edits.take(await vscode.window.withProgress({ location, title: "Hone: editing…" }, () => asked));
}

async function switchFeedback(server: Server, bar: StatusBar): Promise<void> {
  const status = await server.status();
  const placeHolder = `Recorded and sent to ${status?.gateway.url ?? "the gateway"}: ${status?.feedback_level ?? ""}`;
  const picked = await vscode.window.showQuickPick(LEVELS, { title: "Hone: feedback in this workspace", placeHolder });
  if (picked) await server.run(SERVER.feedback, picked.label);
  await bar.refresh();
}
