/** The item in the status bar, and the page behind it. Asks the server now and then. */
import * as vscode from "vscode";
import type { Status } from "./messages";
import type { Server } from "./server";
import { facts, label, type Stage } from "./statusText";

const EVERY_MS = 5000;
/** As long as the gateway has not answered. */
const SOON_MS = 1000;

/** A line of the page; one that does something has a command. */
type Action = vscode.QuickPickItem & { readonly command?: string };

export class StatusBar implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem("hone.status", vscode.StatusBarAlignment.Right, 100);
  private timer: NodeJS.Timeout | undefined;
  private stage: Stage = "stopped";
  /** Whether the running server has told its status before. */
  private asked = false;

  constructor(private readonly server: Server) {
    this.item.name = "Hone";
    this.item.command = "hone.editor.status";
    this.item.show();
  }

  show(stage: Stage): void {
    this.stage = stage;
    this.asked = false;
    this.paint(undefined);
    void this.refresh();
  }

  /** Ask for the status, now and from now on. */
  async refresh(): Promise<void> {
    clearTimeout(this.timer);
    if (this.stage !== "running") return;
    let status: Status | undefined;
    try {
      status = await this.server.status();
    } catch {
      return; // it is just ending: its state changes next
    }
    // Just started, it has not greeted the gateway yet, which is no reason to warn.
    if (status?.gateway.connected || this.asked) this.paint(status);
    this.asked = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.refresh(), status?.gateway.connected ? EVERY_MS : SOON_MS);
  }

  /** Open a list of what there is to know and to do. */
  async open(): Promise<void> {
    const status = this.server.running ? await this.server.status() : undefined;
    const actions: Action[] = [
      { label: "$(output) Show the log", command: "hone.editor.log" },
      { label: "$(debug-restart) Restart the language server", command: "hone.editor.restart" },
    ];
    if (status) actions.unshift({ label: "$(shield) Switch the feedback level…", command: "hone.editor.feedback" });
    const known = label(this.stage, status).tooltip.split("\n").slice(0, 1).concat(status ? facts(status) : []);
    const model = status?.base_model ? [`Model: ${status.base_model}`, `hone-lsp ${status.version}`] : [];
    const said: Action[] = [...known, ...model].map((text) => ({ label: text }));
    const separator: Action = { label: "", kind: vscode.QuickPickItemKind.Separator };
    const picked = await vscode.window.showQuickPick([...said, separator, ...actions], { title: "Hone" });
    if (picked?.command) await vscode.commands.executeCommand(picked.command);
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.item.dispose();
  }

  private paint(status: Status | undefined): void {
    const { text, tooltip, warning } = label(this.stage, status);
    this.item.text = text;
    this.item.tooltip = tooltip;
    this.item.backgroundColor = warning ? new vscode.ThemeColor("statusBarItem.warningBackground") : undefined;
  }
}
