#!/usr/bin/env bash
# Packs the package, installs the tarball into an empty folder as a user would, and asks it something there.
# Usage: scripts/check-package.sh   (needs a package registry; works in a temporary folder that it removes)
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/kindred-package-XXXXXX")
trap 'rm -rf "$work"' EXIT

fail() {
  echo "check-package: $*" >&2
  exit 1
}

echo "-- pack"
cd "$root"
npm pack --silent --pack-destination "$work" >"$work/pack.log" || { cat "$work/pack.log" >&2; fail "npm pack failed"; }
tarball=$(ls "$work"/*.tgz)
tar -tzf "$tarball" | sed 's#^package/##' | sort >"$work/files"
du -h "$tarball" | cut -f1 | sed 's/^/tarball: /'

for file in package.json README.md dist/index.js dist/index.d.ts dist/cli/main.js \
  data/models/all-MiniLM-L6-v2/onnx/model_quantized.onnx; do
  grep -qx "$file" "$work/files" || fail "$file is missing from the tarball"
done
grep -q '^data/emoji/' "$work/files" || fail "the emoji set is missing from the tarball"
unwanted=$(grep -E '^(src|tests|scripts|indexes|node_modules|\.ci)/|multilingual-e5|\.tsbuildinfo$' "$work/files" || true)
[ -z "$unwanted" ] || fail "the tarball holds what it should not: $unwanted"

echo "-- install into an empty folder"
mkdir "$work/user"
cd "$work/user"
echo '{ "private": true }' >package.json
# What the README tells users to set; the package's own .npmrc does not act here.
ONNXRUNTIME_NODE_INSTALL=skip npm install --no-audit --no-fund "$tarball" </dev/null
copies=$(find node_modules -type d -path '*node_modules/onnxruntime-node' | wc -l)
[ "$copies" -eq 1 ] || fail "$copies copies of onnxruntime-node were installed, expected one"

echo "-- use it"
mkdir notes
echo 'git reset --soft HEAD~1 takes back the last commit and keeps the changes.' >notes/git.txt
echo 'Simmer the lentils with garlic and cumin for half an hour.' >notes/soup.md
export KINDRED_HOME="$work/home"
npx --no-install kindred --version </dev/null
npx --no-install kindred add notes ./notes </dev/null
npx --no-install kindred search notes "how do I undo a commit" </dev/null
first=$(npx --no-install kindred search notes "how do I undo a commit" --json </dev/null |
  node -p 'JSON.parse(require("fs").readFileSync(0, "utf8")).results[0].id')
[ "$first" = git.txt ] || fail "the search found \"$first\" first, expected git.txt"
cat >library.mjs <<'JS'
import { Kindred } from 'kindred'
const kindred = await Kindred.open()
const notes = await kindred.getCollection('notes')
const { results } = await notes.search({ query: { text: 'dinner' }, k: 1 })
await kindred.close()
if (results[0]?.id !== 'soup.md') throw new Error(`found ${results[0]?.id}, expected soup.md`)
JS
node library.mjs
echo "-- the package works"
