import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'

interface PackageJson {
  version: string
  dependencies: Record<string, string>
}

async function json<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(new URL(`../../${path}`, import.meta.url), 'utf8')) as T
}

describe('package.json', () => {
  it('pins the very onnxruntime-node that @huggingface/transformers pins, so that one copy is installed', async () => {
    const ours = await json<PackageJson>('package.json')
    const theirs = await json<PackageJson>('node_modules/@huggingface/transformers/package.json')
    const installed = await json<PackageJson>('node_modules/onnxruntime-node/package.json')
    expect(ours.dependencies['onnxruntime-node']).toBe(theirs.dependencies['onnxruntime-node'])
    expect(installed.version).toBe(ours.dependencies['onnxruntime-node'])
  })

  it('lets the native addons build and stops the download of onnxruntime-node', async () => {
    const { allowScripts } = await json<{ allowScripts: Record<string, boolean> }>('package.json')
    expect(allowScripts).toMatchObject({
      'better-sqlite3': true,
      'hnswlib-node': true,
      'onnxruntime-node': false,
    })
  })
})

describe('package-lock.json', () => {
  it('names no host to fetch from, so that any registry serves', async () => {
    const { packages } = await json<{ packages: Record<string, { resolved?: string }> }>('package-lock.json')
    const resolved = Object.entries(packages).filter(([, entry]) => entry.resolved !== undefined)
    expect(resolved).toEqual([])
  })
})
