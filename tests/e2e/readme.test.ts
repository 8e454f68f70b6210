import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const run = promisify(execFile)
const hasCurl = await run('curl', ['--version']).then(
  () => true,
  () => false,
)

/** Code of the README in one language, with what its comments say that it prints. */
const examples = (language: string) =>
  [
    ...readme.matchAll(
      new RegExp(
        `### ([^\\n]+)\\n(?:(?!\\n##)[\\s\\S])*?\`\`\`${language}\\n([\\s\\S]*?)\`\`\`|## (Other[^\\n]+)\\n(?:(?!\\n##)[\\s\\S])*?\`\`\`${language}\\n([\\s\\S]*?)\`\`\``,
        'g',
      ),
    ),
  ].map(([, door, code, section, other]) => {
    const text = code ?? other ?? ''
    const prints = [...text.matchAll(/^(?:#|\/\/) → (.*)$/gm)].map((match) => match[1] as string)
    return { name: door ?? section ?? '', text, prints }
  })

let folder: string
let port: number

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kindred-readme-'))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules', 'kindred'), 'dir')
  mkdirSync(join(folder, 'bin'))
  const command = join(folder, 'bin', 'kindred')
  writeFileSync(command, `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'dist/cli/main.js')}" "$@"\n`)
  chmodSync(command, 0o755)
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  port = typeof address === 'object' && address ? address.port : 0
  probe.close()
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const js = examples('js')
const sh = examples('sh')

describe('the examples of the README', () => {
  it('are there for all four doors, filters, examples and other languages', () => {
    expect([...js, ...sh].map(({ name }) => name).sort()).toEqual(
      [
        'Command line',
        'Duplicates',
        'Filters',
        'HTTP',
        'Library',
        'Meaning and words',
        'More like these, less like those',
        'Other languages, other encoders',
        'Page',
        'What does not belong',
        'What does not belong',
      ].sort(),
    )
    for (const { prints } of [...js, ...sh]) expect(prints.length).toBeGreaterThan(0)
  })

  it.each(js)('$name', async ({ text, prints }) => {
    const file = join(folder, 'example.mjs')
    writeFileSync(file, text)
    const { stdout } = await run(process.execPath, [file], { cwd: folder })
    expect(stdout.trim().split('\n')).toEqual(prints)
  })

  it.each(sh)('$name', async ({ text, prints }) => {
    if (text.includes('curl') && !hasCurl) return
    // a server of an example is ready before the next line runs, and ends with it
    const serving = text.replace(
      /^(kindred serve .*) &$/m,
      '$1 > serve.log 2>&1 & server=$!; trap "kill $server; wait $server" EXIT; until grep -q http serve.log; do sleep 0.1; done; cat serve.log',
    )
    const script = `set -e\n${serving.replaceAll('7700', String(port))}`
    const home = mkdtempSync(join(folder, 'home-'))
    // each in a folder of its own: the log of an earlier server would say that this one is ready
    const cwd = mkdtempSync(join(folder, 'example-'))
    const path = `${join(folder, 'bin')}:${process.env.PATH}`
    const child = spawn('sh', ['-c', script], {
      cwd,
      env: { ...process.env, KINDRED_HOME: home, PATH: path },
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (part: Buffer) => {
        output += part.toString()
      })
    }
    const [code] = (await once(child, 'close')) as [number]
    expect({ code, output }).toMatchObject({ code: 0 })
    for (const line of prints) expect(output).toContain(line.replaceAll('7700', String(port)))
  })
})
