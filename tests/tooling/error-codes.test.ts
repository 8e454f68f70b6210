import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { ERROR_CODES } from '#src/core/errors.js'
import { HTTP_STATUS } from '#src/http/errors.js'

function read(folder: string, ending: string): string {
  const path = fileURLToPath(new URL(`../../${folder}`, import.meta.url))
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(ending) && !file.endsWith('error-codes.test.ts'))
    .map((file) => readFileSync(join(path, file), 'utf8'))
    .join('\n')
}

const source = read('src', '.ts').replace(/export const ERROR_CODES[\s\S]*?as const/, '')
const statuses = readFileSync(new URL('../../src/http/errors.ts', import.meta.url), 'utf8')
const tests = read('tests', '.ts')

it.each(ERROR_CODES)('%s is raised somewhere and expected by a test', (code) => {
  const raised = source.split(`'${code}'`).length - 1
  expect(raised).toBeGreaterThan(statuses.includes(`'${code}'`) ? 1 : 0)
  expect(tests).toContain(`'${code}'`)
})

it('docs/errors.md has each code once, with its status', () => {
  const document = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const rows = [...document.matchAll(/^\| ([A-Z_]+) \| (\d+) \|/gm)].map(([, code, status]) => [
    code,
    Number(status),
  ])
  expect(rows).toEqual(ERROR_CODES.map((code) => [code, HTTP_STATUS[code]]))
})
