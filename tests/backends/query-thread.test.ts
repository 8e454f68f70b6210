import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { EmbeddedBackend } from '#src/backends/embedded/embedded-backend.js'
import { QueryThread } from '#src/backends/embedded/query-thread.js'
import { parseKeywords } from '#src/query/parse-keywords.js'
import { RecordingJobs, vectorItem } from '../support/backend-items.js'
import { temporaryFolder } from '../support/test-home.js'

describe('the thread of keyword search', () => {
  it('begins anew with the next query after it failed, and answers that', async () => {
    const home = temporaryFolder()
    const backend = await EmbeddedBackend.open({ home: home.path, jobs: new RecordingJobs() })
    await backend.createCollection({ name: 'notes', spaces: [] })
    await backend.upsert('notes', [
      { ...vectorItem('a', new Float32Array(0)), text: 'green tea', textHash: 'x', vectors: {} },
    ])
    await backend.close()
    const { query } = parseKeywords('tea')
    if (!query) throw new Error('there is a word')
    const path = join(home.path, 'later.db')
    const thread = new QueryThread(path)
    const ask = () => thread.ask<'keyword'>({ op: 'keyword', collection: 1, query, k: 1 })
    try {
      await Promise.all(
        [ask(), ask()].map((asked) =>
          expect(asked).rejects.toMatchObject({ code: expect.stringMatching(/INTERNAL|HOME_NOT_WRITABLE/) }),
        ),
      )
      copyFileSync(join(home.path, 'kindred.db'), path)
      expect(await ask()).toMatchObject([{ id: 'a' }])
    } finally {
      await thread.close()
      home.remove()
    }
    await expect(ask()).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
