// Bundles the page into the folder `page`: the page itself, and Monaco's worker beside it.
import { cpSync } from "node:fs";
import { build } from "esbuild";

const assets = [".ttf", ".svg", ".png", ".wasm", ".mp3", ".html"];
await build({
  entryPoints: {
    main: "main.js",
    worker: "@codingame/monaco-vscode-editor-api/esm/vs/editor/editor.worker.js",
  },
  outdir: "page",
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  loader: Object.fromEntries(assets.map((kind) => [kind, "file"])),
  logLevel: "error",
});
cpSync("index.html", "page/index.html");
