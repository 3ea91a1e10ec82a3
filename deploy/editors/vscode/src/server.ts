/** The language server as the extension sees it. Knows the connection; does not know what is on screen. */
import * as vscode from "vscode";
import { LanguageClient, type Middleware, State } from "vscode-languageclient/node";
import { DID_FOCUS, DID_SHOW_INLINE_EDIT, INLINE_EDIT, type NextEdit, SERVER, type ServerCommand, type Status } from "./messages";

/** Documents that may get suggestions; the server leaves out what is ignored, secret or not allowed. */
const SELECTOR = ["file", "untitled", "vscode-remote", "vscode-vfs"].map((scheme) => ({ scheme }));

export class Server implements vscode.Disposable {
  private client: LanguageClient | undefined;
  private started: readonly string[] = [];
  private readonly changes = new vscode.EventEmitter<State>();
  /** Fires when the server starts to run or stops. */
  readonly onDidChangeState = this.changes.event;

  constructor(private readonly ghosts: Middleware) {}

  get running(): boolean {
    return this.client?.state === State.Running;
  }

  /** Whether another program runs than the setting says now. */
  get outdated(): boolean {
    return this.client !== undefined && this.started.join("\0") !== configured().join("\0");
  }

  /** Start the program of the setting, or start it anew. */
  async start(): Promise<void> {
    await this.stop();
    this.started = configured();
    const [command = "hone-lsp", ...args] = this.started;
    const client = new LanguageClient("hone", "Hone", { command, args }, {
      documentSelector: SELECTOR,
      middleware: this.ghosts,
    });
    client.onDidChangeState((change) => this.changes.fire(change.newState));
    this.client = client;
    try {
      await client.start();
    } catch (error) {
      client.error(`${command} could not be started`, error, false);
      throw new Error(`${command} could not be started: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    if (client?.state === State.Running) await client.dispose();
  }

  /** Show what the server wrote. */
  showLog(): void {
    this.client?.outputChannel.show(true);
  }

  /** Ask for the next edit; none where the server does not run or stays silent. */
  async nextEdits(editor: vscode.TextEditor, token: vscode.CancellationToken): Promise<NextEdit[]> {
    const { document, selection } = editor;
    if (!this.client || !this.running || !vscode.languages.match(SELECTOR, document)) return [];
    const { line, character } = selection.active;
    const textDocument = { uri: this.uri(document), version: document.version };
    const answer = await this.client.sendRequest<{ edits: NextEdit[] }>(
      INLINE_EDIT,
      { textDocument, position: { line, character } },
      token,
    );
    return answer.edits;
  }

  shown(edit: NextEdit): void {
    this.notify(DID_SHOW_INLINE_EDIT, { item: { command: edit.command } });
  }

  focused(document: vscode.TextDocument): void {
    if (vscode.languages.match(SELECTOR, document)) this.notify(DID_FOCUS, { textDocument: { uri: this.uri(document) } });
  }

  /** Let the server execute a command of its own; undefined where it does not run. */
  async run(command: string, ...args: readonly unknown[]): Promise<unknown> {
    if (!this.client || !this.running) return undefined;
    return this.client.sendRequest("workspace/executeCommand", { command, arguments: args });
  }

  /** Let the server execute a command that answers with edits; when there are none, it says why itself. */
  async edits(command: string, ...args: readonly unknown[]): Promise<NextEdit[]> {
    const answer = (await this.run(command, ...args)) as { edits?: NextEdit[] } | null | undefined;
    return answer?.edits ?? [];
  }

  report(command: ServerCommand): Promise<unknown> {
    return this.run(command.command, ...(command.arguments ?? []));
  }

  async status(): Promise<Status | undefined> {
    return (await this.run(SERVER.status)) as Status | undefined;
  }

  /** The name that the server knows a document by. */
  uri(document: vscode.TextDocument): string {
    return this.client ? this.client.code2ProtocolConverter.asUri(document.uri) : document.uri.toString();
  }

  dispose(): void {
    void this.stop();
    this.changes.dispose();
  }

  private notify(method: string, params: object): void {
    if (this.client && this.running) void this.client.sendNotification(method, params);
  }
}

function configured(): string[] {
  return vscode.workspace.getConfiguration("hone").get<string[]>("command", []);
}
