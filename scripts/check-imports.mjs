#!/usr/bin/env node
// Checks who may import whom in src/, and that nothing is imported in a circle.
// Usage: node scripts/check-imports.mjs [ROOT]; prints `file:line message` for each violation and exits 1.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, posix, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const PARTS = ['images', 'encoders', 'tensor', 'indexes', 'backends', 'query', 'anomaly', 'maps', 'datasets']

/** Which folders of src/ a file of the folder may import, besides its own. */
const MAY_IMPORT = {
  core: [],
  ...Object.fromEntries(PARTS.map((part) => [part, ['core']])),
  encoders: ['core', 'images', 'tensor'],
  engine: ['core', ...PARTS],
  http: ['core', ...PARTS, 'engine'],
  cli: ['core', ...PARTS, 'engine', 'http'],
}

/** What only one file or folder may import beyond that. */
const EXCEPTIONS = [
  { from: 'backends/embedded/', to: 'indexes' },
  { from: 'backends/embedded/', to: 'query' },
]

/** Where each vendor package may be imported. A path that ends with `/` is a folder. */
const OWNERS = {
  'hnswlib-node': ['indexes/hnsw-index.ts'],
  'better-sqlite3': ['backends/embedded/'],
  'better-sqlite3-napi': ['backends/embedded/'],
  hono: ['http/'],
  '@hono/node-server': ['http/'],
  '@hono/zod-openapi': ['http/'],
  zod: ['http/', 'backends/embedded/'],
  'onnxruntime-node': ['encoders/', 'tensor/'],
  '@huggingface/tokenizers': ['encoders/'],
  '@bufbuild/protobuf': ['tensor/', 'encoders/quantize/'],
  '@tensorflow/tfjs-core': ['tensor/', 'encoders/'],
  'ml-matrix': ['encoders/'],
  sharp: ['images/'],
  stemmer: ['query/'],
  'csv-parse': ['datasets/'],
  commander: ['cli/'],
  'cli-progress': ['cli/'],
}

const root = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..'))
const src = join(root, 'src')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const dependencies = { ...manifest.dependencies, ...manifest.optionalDependencies }
const violations = []

/** File (relative to src/, with `/`) -> the files it imports, with the line. */
const graph = new Map()
for (const file of sourceFiles(src)) {
  const edges = []
  for (const found of importsOf(readFileSync(join(src, file), 'utf8'))) {
    const target = judge(file, found)
    if (target !== undefined && !found.worker) edges.push({ target, line: found.line })
  }
  graph.set(file, edges)
}
for (const cycle of cycles(graph)) {
  const [first, second] = cycle
  const line = graph.get(first).find((edge) => edge.target === second).line
  report(first, line, `imports in a circle: ${cycle.join(' -> ')}`)
}
checkIndex()

for (const { file, line, message } of violations) console.log(`src/${file}:${line} ${message}`)
if (violations.length > 0) {
  console.error(`${violations.length} import ${violations.length === 1 ? 'violation' : 'violations'}`)
  process.exitCode = 1
}

/** Reports what is wrong with one import. Returns the file of ours that it leads to, if any. */
function judge(file, { specifier, line }) {
  if (specifier === undefined) {
    report(file, line, 'imports something that is not written as a plain string, so it cannot be checked')
    return undefined
  }
  if (specifier.startsWith('#') || specifier === 'kindred') {
    report(file, line, `imports "${specifier}"; inside src/ use relative paths`)
    return undefined
  }
  if (!specifier.startsWith('.')) {
    judgePackage(file, line, specifier)
    return undefined
  }
  const target = posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts')
  if (target.startsWith('../')) {
    if (!target.endsWith('/package.json')) report(file, line, `imports "${specifier}", outside of src/`)
    return undefined
  }
  if (!graph.has(target) && !existsSync(join(src, target))) {
    report(file, line, `imports "${specifier}", which is not there`)
    return undefined
  }
  const from = folderOf(file)
  const to = folderOf(target)
  if (target === 'index.ts') report(file, line, 'imports src/index.ts, which is for users only')
  else if (from === undefined && file !== 'index.ts')
    report(file, line, 'lies in src/ itself; only index.ts does')
  else if (from !== undefined && to !== from && !mayImport(file, from, to))
    report(file, line, `${from}/ may not import ${to ?? target}/ ("${specifier}")`)
  return target
}

function mayImport(file, from, to) {
  const allowed = MAY_IMPORT[from]
  if (!allowed) return false
  return allowed.includes(to) || EXCEPTIONS.some((rule) => file.startsWith(rule.from) && rule.to === to)
}

function judgePackage(file, line, specifier) {
  if (isBuiltin(specifier)) {
    if (!specifier.startsWith('node:'))
      report(file, line, `imports "${specifier}"; write "node:${specifier}"`)
    return
  }
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  const owners = OWNERS[name]
  if (!owners) {
    report(file, line, `imports ${name}, which has no owner yet: give it one in scripts/check-imports.mjs`)
    return
  }
  if (!owners.some((owner) => (owner.endsWith('/') ? file.startsWith(owner) : file === owner)))
    report(file, line, `imports ${name}, which only ${owners.join(' and ')} may`)
  if (!(name in dependencies))
    report(file, line, `imports ${name}, which is not among the dependencies in package.json`)
}

/** src/index.ts re-exports and does nothing else. */
function checkIndex() {
  if (!existsSync(join(src, 'index.ts'))) return
  const rest = withoutComments(readFileSync(join(src, 'index.ts'), 'utf8')).replace(
    /^\s*export\s+(type\s+)?(\*(\s+as\s+\w+)?|\{[^}]*\})\s+from\s+['"][^'"]+['"];?/gm,
    (statement) => statement.replace(/[^\n]/g, ' '),
  )
  const line = rest.split('\n').findIndex((text) => text.trim() !== '')
  if (line >= 0) report('index.ts', line + 1, 'holds something else than re-exports')
}

function report(file, line, message) {
  violations.push({ file, line, message })
}

/** Every import of a source text, type-only ones included: static, dynamic, required, and worker URLs. */
function importsOf(source) {
  const text = withoutComments(source)
  const patterns = [
    { regex: /^[ \t]*(?:import|export)\b(?!\s*\()[^'"`;=()]*?\bfrom\s*(['"])(.+?)\1/gm },
    { regex: /^[ \t]*import\s*(['"])(.+?)\1/gm },
    { regex: /\bimport\(\s*(?:(['"])(.+?)\1\s*[,)])?/g },
    { regex: /\brequire\w*\(\s*(?:(['"])(.+?)\1\s*\))/g },
    { regex: /\bcreateRequire\([^)]*\)\(\s*(['"])(.+?)\1/g },
    { regex: /\bnew URL\(\s*(['"])([^'"]+\.js)\1\s*,\s*import\.meta\.url/g, worker: true },
  ]
  const found = []
  for (const { regex, worker } of patterns)
    for (const match of text.matchAll(regex)) {
      const start = match.index + (match[0].length - match[0].trimStart().length)
      found.push({
        specifier: match[2],
        line: text.slice(0, start).split('\n').length,
        worker: worker === true,
      })
    }
  return found.sort((a, b) => a.line - b.line)
}

/** Blanks comments out, keeping lines; what looks like one inside a string on the same line stays. */
function withoutComments(source) {
  return source.replace(
    /(["'])(?:\\.|(?!\1)[^\\\n])*\1|`(?:\\.|[^\\`])*`|\/\*[\s\S]*?\*\/|(?<=^|[\s;{}(),])\/\/[^\n]*/gm,
    (part) => (part.startsWith('/*') || part.startsWith('//') ? part.replace(/[^\n]/g, ' ') : part),
  )
}

function folderOf(file) {
  const slash = file.indexOf('/')
  return slash < 0 ? undefined : file.slice(0, slash)
}

function sourceFiles(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[cm]?[jt]sx?$/.test(entry.name))
    .map((entry) =>
      relative(folder, join(entry.parentPath ?? entry.path, entry.name))
        .split(sep)
        .join('/'),
    )
    .filter((file) => !file.startsWith('web/'))
    .sort()
}

/** One path for each circle found, its first file repeated at the end. */
function cycles(edgesOf) {
  const state = new Map()
  const path = []
  const found = []
  const visit = (file) => {
    state.set(file, 'open')
    path.push(file)
    for (const { target } of edgesOf.get(file) ?? []) {
      if (state.get(target) === 'open') found.push([...path.slice(path.indexOf(target)), target])
      else if (!state.has(target)) visit(target)
    }
    path.pop()
    state.set(file, 'done')
  }
  for (const file of edgesOf.keys()) if (!state.has(file)) visit(file)
  return found
}
