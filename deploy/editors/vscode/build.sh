#!/bin/sh
# Builds the extension: build.sh FILE.vsix. Checks and tests it first. Needs node 20 and npm.
# Works on a copy in the folder of FILE.vsix, where the packages stay for the next time.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$(dirname "$1")"
work=$(cd "$(dirname "$1")" && pwd)/vscode
mkdir -p "$work"
rm -rf "$work/src" "$work/test" "$work/dist"
cp -R "$here/src" "$here/test" "$here/media" "$work/"
cp "$here/README.md" "$here/build.mjs" "$here/tsconfig.json" "$here/.vscodeignore" "$here/../../../LICENSE" "$work/"
# Installing takes a while, and is needed only when a version changed.
if ! cmp -s "$here/package-lock.json" "$work/package-lock.json"; then
    cp "$here/package.json" "$here/package-lock.json" "$work/"
    (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || { rm "$work/package-lock.json"; exit 1; }
fi
cp "$here/package.json" "$work/"
cd "$work"
npm run --silent check
npm run --silent test
npm run --silent package
cd - >/dev/null
mv "$work/hone-vscode.vsix" "$1"
