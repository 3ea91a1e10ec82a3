// A page with one Monaco editor whose language server is `hone-lsp --ws`. What to open and where
// the server listens is in the fragment of the page's address, as JSON: {server, uri, text}.
import { MonacoLanguageClient } from "monaco-languageclient";
import { EditorApp } from "monaco-languageclient/editorApp";
import { MonacoVscodeApiWrapper } from "monaco-languageclient/vscodeApiWrapper";
import { Worker as Loader, useWorkerFactory } from "monaco-languageclient/workerFactory";
import { ProposedFeatures } from "vscode-languageclient/browser.js";
import { toSocket, WebSocketMessageReader, WebSocketMessageWriter } from "vscode-ws-jsonrpc";

const asked = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const settings = {
  "editor.quickSuggestions": { other: "off" },
  "editor.inlineSuggest.enabled": true,
  "editor.wordBasedSuggestions": "off",
};

const api = new MonacoVscodeApiWrapper({
  $type: "classic",
  viewsConfig: { $type: "EditorService" },
  userConfiguration: { json: JSON.stringify(settings) },
  monacoWorkerFactory: () =>
    useWorkerFactory({
      workerLoaders: { editorWorkerService: () => new Loader("./worker.js", { type: "module" }) },
    }),
});
await api.start();

const app = new EditorApp({
  codeResources: { modified: { text: asked.text, uri: asked.uri, enforceLanguageId: "python" } },
  editorOptions: { fontSize: 18, minimap: { enabled: false } },
  languageDef: { languageExtensionConfig: { id: "python", extensions: [".py"] } },
});
await app.start(document.getElementById("editor"));

const socket = new WebSocket(asked.server);
await new Promise((opened, failed) => {
  socket.onopen = opened;
  socket.onerror = () => failed(new Error("the language server lets nobody in"));
});
const client = new MonacoLanguageClient({
  name: "Hone",
  clientOptions: { documentSelector: ["python"] },
  messageTransports: {
    reader: new WebSocketMessageReader(toSocket(socket)),
    writer: new WebSocketMessageWriter(toSocket(socket)),
  },
});
// Inline completions are a proposed feature of the language client (9) that this package has.
client.registerFeatures(ProposedFeatures.createAll(client));
await client.start();

// What the test reads and steers; keys and the screen are the browser's.
const editor = app.getEditor();
globalThis.hone = { editor, text: () => editor.getModel().getValue(), ready: true };
