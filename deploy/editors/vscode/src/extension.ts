/** Puts the parts together when VS Code starts, and takes them apart when it ends. */
import * as vscode from "vscode";
import { State } from "vscode-languageclient/node";
import { commands } from "./commands";
import { Ghosts } from "./ghosts";
import { NextEdits } from "./nextEdits";
import { Server } from "./server";
import { StatusBar } from "./statusBar";
import { View } from "./view";

let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const ghosts = new Ghosts();
  const running = (server = new Server(ghosts.middleware));
  const view = new View(context.extensionUri);
  const edits = new NextEdits(running, view, ghosts);
  const bar = new StatusBar(running);
  context.subscriptions.push(ghosts, view, edits, bar, running);
  for (const [name, command] of Object.entries(commands(running, edits, bar))) {
    context.subscriptions.push(vscode.commands.registerCommand(name, command));
  }
  const startNow = async (): Promise<void> => {
    edits.withdraw();
    if (!vscode.workspace.isTrusted) return bar.show("untrusted");
    bar.show("starting");
    try {
      await running.start();
    } catch (error) {
      bar.show("stopped");
      void complain(error instanceof Error ? error.message : String(error));
    }
  };
  // One after the other: two servers at a time would register the same commands.
  let last = Promise.resolve();
  const start = (): Promise<void> => (last = last.then(startNow));
  running.onDidChangeState((state) => {
    void vscode.commands.executeCommand("setContext", "hone.running", state === State.Running);
    bar.show(state === State.Running ? "running" : state === State.Starting ? "starting" : "stopped");
    if (state !== State.Running) edits.withdraw();
  });
  context.subscriptions.push(
    vscode.commands.registerCommand("hone.editor.restart", start),
    vscode.workspace.onDidGrantWorkspaceTrust(start),
    // Trust "changes" the settings that it restricts, too, whether they have another value or not.
    vscode.workspace.onDidChangeConfiguration(() => {
      if (running.outdated) void start();
    }),
  );
  await start();
}

/** Let the server settle what is open before the window is gone. */
export async function deactivate(): Promise<void> {
  await server?.stop();
}

async function complain(message: string): Promise<void> {
  const settings = "Open the Setting";
  const picked = await vscode.window.showErrorMessage(`Hone: ${message}`, settings);
  if (picked) await vscode.commands.executeCommand("workbench.action.openSettings", "hone.command");
}
