// Bundles the extension, or its tests, with esbuild; writes the licences of what is bundled beside it.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const shared = { bundle: true, platform: "node", target: "node20", format: "cjs", logLevel: "warning" };

if (process.argv[2] === "test") {
  const tests = readdirSync("test").map((name) => join("test", name));
  await build({ ...shared, entryPoints: tests, outdir: "dist/test" });
} else {
  const made = await build({
    ...shared,
    entryPoints: ["src/extension.ts"],
    outfile: "dist/extension.js",
    external: ["vscode"],
    minify: true,
    metafile: true,
  });
  writeFileSync("dist/THIRD_PARTY.txt", licences(Object.keys(made.metafile.inputs)));
}

function licences(inputs) {
  const packages = new Set(inputs.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]).filter(Boolean));
  return [...packages].sort().map(licence).join("\n\n");
}

function licence(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((found) => /^licen[sc]e/i.test(found));
  if (!file) throw new Error(`${name} ${version} comes without the text of its licence`);
  return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8").trim()}`;
}
