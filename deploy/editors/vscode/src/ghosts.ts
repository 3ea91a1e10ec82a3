/** Which ghost text was offered last, and where. VS Code shows it itself and tells nobody. */
import * as vscode from "vscode";
import type { Middleware } from "vscode-languageclient/node";
import type { ServerCommand } from "./messages";

interface Ghost {
  readonly document: vscode.TextDocument;
  readonly version: number;
  readonly position: vscode.Position;
  readonly command: ServerCommand;
}

export class Ghosts implements vscode.Disposable {
  private ghost: Ghost | undefined;
  private readonly offers = new vscode.EventEmitter<void>();
  readonly onDidOffer = this.offers.event;

  /** Sees every answer of the server on its way to the editor. */
  readonly middleware: Middleware = {
    provideInlineCompletionItems: async (document, position, context, token, next) => {
      const version = document.version;
      const found = await next(document, position, context, token);
      const items = found && "items" in found ? found.items : (found ?? []);
      const command = items[0]?.command;
      if (token.isCancellationRequested) return found;
      this.ghost = command && { document, version, position, command };
      this.offers.fire();
      return found;
    },
  };

  /** The command of the ghost text offered where the editor's cursor is now, if there is one. */
  offered(editor: vscode.TextEditor | undefined): ServerCommand | undefined {
    const ghost = this.ghost;
    if (!editor || ghost?.document !== editor.document || ghost.version !== editor.document.version) return undefined;
    return ghost.position.isEqual(editor.selection.active) ? ghost.command : undefined;
  }

  withdraw(): void {
    this.ghost = undefined;
  }

  dispose(): void {
    this.offers.dispose();
  }
}
