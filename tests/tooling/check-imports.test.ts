import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'

const script = fileURLToPath(new URL('../../scripts/check-imports.mjs', import.meta.url))
const run = promisify(execFile)
const folders: string[] = []

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true })
})

/** Runs the check over a tree of the given files below src/. */
async function check(files: Record<string, string>): Promise<{ code: number; lines: string[] }> {
  const root = await mkdtemp(join(tmpdir(), 'kindred-imports-'))
  folders.push(root)
  const dependencies = { hono: '4', 'hnswlib-node': '3', commander: '14' }
  await writeFile(join(root, 'package.json'), JSON.stringify({ dependencies }))
  for (const [path, source] of Object.entries(files)) {
    await mkdir(dirname(join(root, 'src', path)), { recursive: true })
    await writeFile(join(root, 'src', path), source)
  }
  const ended = await run(process.execPath, [script, root]).then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => error,
  )
  return { code: ended.code, lines: ended.stdout.split('\n').filter((line) => line !== '') }
}

describe('check-imports', () => {
  it('passes the tree of this repository', async () => {
    await expect(run(process.execPath, [script])).resolves.toMatchObject({ stdout: '' })
  }, 20_000)

  it('accepts what the directions allow', async () => {
    const clean = {
      'core/types.ts': 'export type T = 1\n',
      'indexes/hnsw-index.ts':
        "import hnsw from 'hnswlib-node'\nimport type { T } from '../core/types.js'\nexport const a: T = hnsw as never\n",
      'backends/embedded/store.ts': "export { a } from '../../indexes/hnsw-index.js'\n",
      'engine/engine.ts': "import { a } from '../backends/embedded/store.js'\nexport const b = a\n",
      'http/app.ts':
        "import { Hono } from 'hono'\nexport { b } from '../engine/engine.js'\nexport const c = Hono\n",
      'cli/main.ts':
        "import { readFile } from 'node:fs/promises'\n// import('nowhere')\nawait import('../http/app.js')\nreadFile\n",
      'index.ts':
        "// the door\nexport {\n  b,\n} from './engine/engine.js'\nexport type { T } from './core/types.js'\n",
    }
    expect(await check(clean)).toEqual({ code: 0, lines: [] })
  })

  const planted: [string, Record<string, string>, RegExp][] = [
    [
      'core importing a part',
      { 'core/a.ts': "\nimport { b } from '../indexes/b.js'\n", 'indexes/b.ts': '' },
      /^src\/core\/a\.ts:2 core\/ may not import indexes\//,
    ],
    [
      'siblings importing each other, by type only',
      { 'datasets/a.ts': "import type { B } from '../encoders/b.js'\n", 'encoders/b.ts': '' },
      /^src\/datasets\/a\.ts:1 datasets\/ may not import encoders\//,
    ],
    [
      'another backend importing the indexes',
      { 'backends/remote/a.ts': "import '../../indexes/b.js'\n", 'indexes/b.ts': '' },
      /^src\/backends\/remote\/a\.ts:1 backends\/ may not import indexes\//,
    ],
    [
      'the engine importing http in an import over several lines',
      { 'engine/a.ts': "\n\nimport {\n  b,\n  c,\n} from '../http/b.js'\n", 'http/b.ts': '' },
      /^src\/engine\/a\.ts:3 engine\/ may not import http\//,
    ],
    [
      'a dynamic import',
      { 'http/a.ts': "export const x = 1\nawait import('../cli/b.js')\n", 'cli/b.ts': '' },
      /^src\/http\/a\.ts:2 http\/ may not import cli\//,
    ],
    [
      'a worker of another part',
      {
        'maps/a.ts': "new Worker(new URL('../query/b.js', import.meta.url))\n",
        'query/b.ts': '',
      },
      /^src\/maps\/a\.ts:1 maps\/ may not import query\//,
    ],
    [
      'a vendor outside its owner',
      { 'engine/a.ts': "import { Hono } from 'hono'\n" },
      /^src\/engine\/a\.ts:1 imports hono, which only http\/ may$/,
    ],
    [
      'a required vendor outside its one file',
      { 'indexes/flat-index.ts': "require('hnswlib-node')\n" },
      /^src\/indexes\/flat-index\.ts:1 imports hnswlib-node, which only indexes\/hnsw-index\.ts may$/,
    ],
    [
      'a vendor without an owner',
      { 'core/a.ts': "import left from 'left-pad'\n" },
      /^src\/core\/a\.ts:1 imports left-pad, which has no owner/,
    ],
    [
      'a dependency that is not declared',
      { 'http/a.ts': "import { z } from 'zod'\n" },
      /^src\/http\/a\.ts:1 imports zod, which is not among the dependencies/,
    ],
    [
      'the public door from inside',
      { 'cli/a.ts': "import '../index.js'\n", 'index.ts': '' },
      /^src\/cli\/a\.ts:1 imports src\/index\.ts/,
    ],
    [
      'an index that does more than re-export',
      { 'index.ts': "export { a } from './core/a.js'\nexport const b = 1\n", 'core/a.ts': '' },
      /^src\/index\.ts:2 holds something else/,
    ],
    [
      'a circle',
      {
        'core/a.ts': "import './b.js'\n",
        'core/b.ts': "\nimport './c.js'\n",
        'core/c.ts': "import './b.js'\n",
      },
      /^src\/core\/b\.ts:2 imports in a circle: core\/b\.ts -> core\/c\.ts -> core\/b\.ts$/,
    ],
    [
      'a file that is not there',
      { 'core/a.ts': "import './b.js'\n" },
      /^src\/core\/a\.ts:1 imports "\.\/b\.js"/,
    ],
    [
      'a specifier that cannot be read',
      { 'core/a.ts': 'await import(name)\n' },
      /^src\/core\/a\.ts:1 .*plain string/,
    ],
    ['a builtin without node:', { 'core/a.ts': "import 'fs'\n" }, /^src\/core\/a\.ts:1 .*"node:fs"/],
  ]

  it.each(planted)('finds %s', async (_what, files, expected) => {
    const { code, lines } = await check(files)
    expect(code).toBe(1)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(expected)
  })
})
