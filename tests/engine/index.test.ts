import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import * as kindred from '#src/index.js'

it('the library shows its classes, errors and metrics', () => {
  expect(Object.keys(kindred).sort()).toEqual([
    'Collection',
    'ERROR_CODES',
    'EngineError',
    'Jobs',
    'Kindred',
    'LIMITS',
    'METRICS',
    'Space',
    'distance',
    'scoreOf',
  ])
})

it('a home is taken from KINDRED_HOME where none is given', async () => {
  const home = await mkdtemp(join(tmpdir(), 'kindred-home-'))
  const before = process.env.KINDRED_HOME
  process.env.KINDRED_HOME = home
  try {
    const opened = await kindred.Kindred.open()
    expect(opened.home).toBe(home)
    expect(opened.backendKind).toBe('embedded')
    const made = await opened.collection('own', { spaces: [{ name: 'own', dim: 2 }] })
    expect(made).toBeInstanceOf(kindred.Collection)
    expect(await made.space('own')).toBeInstanceOf(kindred.Space)
    await made.add([{ id: 'a', vectors: { own: [1, 2] } }])
    await opened.close()

    const again = await kindred.Kindred.open()
    expect((await again.collections()).map(({ name, items }) => [name, items])).toEqual([['own', 1]])
    await again.close()
  } finally {
    if (before === undefined) delete process.env.KINDRED_HOME
    else process.env.KINDRED_HOME = before
    await rm(home, { recursive: true, force: true })
  }
})
