/**
 * Writes `files.json` of model folders: size and sha256 of every file but the licence and `files.json` itself.
 *
 *   npx tsx scripts/list-model-files.ts data/models/all-MiniLM-L6-v2 [FOLDER…]
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, sep } from 'node:path'

const folders = process.argv.slice(2)
if (folders.length === 0) throw new Error('name at least one model folder')

for (const folder of folders) {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, sep).length).replaceAll(sep, '/'))
    .filter((path) => path !== 'files.json' && path !== 'LICENSE')
    .sort()
  const files = Object.fromEntries(
    paths.map((path) => {
      const bytes = readFileSync(join(folder, path))
      return [path, { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }]
    }),
  )
  writeFileSync(join(folder, 'files.json'), `${JSON.stringify({ files }, null, 2)}\n`)
  console.log(`${folder}: ${paths.length} files`)
}
