import { cp, mkdir, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { kindred, TemporaryFolders } from './kindred-process.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folders = new TemporaryFolders()
/** The one that the engine takes on this Node: see `src/backends/embedded/sqlite.ts`. */
const sqlite = Number(process.versions.napi) >= 10 ? 'better-sqlite3-napi' : 'better-sqlite3'

afterAll(() => folders.remove())

/** A copy of the built package whose dependencies are there, but for the native part of one. */
async function packageWithout(addon: string): Promise<string> {
  const copy = await folders.make()
  await cp(join(root, 'dist'), join(copy, 'dist'), { recursive: true })
  await cp(join(root, 'package.json'), join(copy, 'package.json'))
  await symlink(join(root, 'data'), join(copy, 'data'))
  await mkdir(join(copy, 'node_modules'))
  for (const name of await readdir(join(root, 'node_modules'))) {
    if (name !== addon && !name.startsWith('.'))
      await symlink(join(root, 'node_modules', name), join(copy, 'node_modules', name))
  }
  const from = join(root, 'node_modules', addon)
  await cp(from, join(copy, 'node_modules', addon), {
    recursive: true,
    filter: (path) => !/[/\\](build|deps|src|bin|prebuilds)$/.test(path),
  })
  return join(copy, 'dist', 'cli', 'main.js')
}

describe('a native addon that is not built', () => {
  it.each([
    [sqlite, `npm rebuild ${sqlite}`],
    ['onnxruntime-node', 'ONNXRUNTIME_NODE_INSTALL=skip npm install'],
  ])('%s: the error names the command that helps', async (addon, remedy) => {
    const main = await packageWithout(addon)
    const home = await folders.make()
    const input = '{"id":"a","text":"hello"}\n'
    const { code, stderr } = await kindred(['add', 'notes', '-', '--format', 'jsonl'], { home, main, input })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error NATIVE_ADDON_MISSING: /)
    expect(stderr).toContain(remedy)
  })
})
