/** What travels between the extension and `hone-lsp` beyond LSP, as plain data. Positions are in UTF-16. */

export interface Place {
  readonly line: number;
  readonly character: number;
}

export interface Range {
  readonly start: Place;
  readonly end: Place;
}

export interface ServerCommand {
  readonly title: string;
  readonly command: string;
  readonly arguments?: readonly unknown[];
}

/** One answer to `textDocument/copilotInlineEdit`: a replacement in one version of one document. */
export interface NextEdit {
  readonly text: string;
  readonly range: Range;
  readonly textDocument: { readonly uri: string; readonly version: number };
  readonly command: ServerCommand;
}

export const INLINE_EDIT = "textDocument/copilotInlineEdit";
export const DID_SHOW_INLINE_EDIT = "textDocument/didShowInlineEdit";
export const DID_FOCUS = "textDocument/didFocus";

/** The server's own commands, executed by `workspace/executeCommand`. */
export const SERVER = {
  acceptLine: "hone.acceptLine",
  acceptWord: "hone.acceptWord",
  dismiss: "hone.dismiss",
  feedback: "hone.feedback",
  instruct: "hone.instruct",
  next: "hone.next",
  previous: "hone.previous",
  resuggest: "hone.resuggest",
  status: "hone.status",
} as const;

/** What `hone.status` answers, as far as it is shown. */
export interface Status {
  readonly version: string;
  readonly gateway: { readonly url: string; readonly connected: boolean; readonly trouble: string };
  readonly policy_version: string | null;
  readonly base_model: string | null;
  readonly feedback_level: string;
  readonly pending_events: number;
  readonly refused_events: number;
  readonly spool_trouble?: string | null;
  readonly last_silence?: { readonly reason: string; readonly detail: string } | null;
}

/** The suggestion that an item is about: its command's first argument. */
export function suggestionOf(command: ServerCommand | undefined): string {
  const first = command?.arguments?.[0];
  return typeof first === "string" ? first : "";
}
