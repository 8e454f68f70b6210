import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { seededRandom } from '#src/core/random.js'
import { Encoders } from '#src/encoders/registry.js'
import type { CalibrationSubject } from '#src/engine/calibration.js'
import { Calibrations } from '#src/engine/calibrations.js'
import { vectorCollection, vectorItem } from '../support/backend-items.js'
import { MemoryBackend } from '../support/memory-backend.js'

describe('calibrations', () => {
  let backend: MemoryBackend
  let calibrations: Calibrations
  let subject: CalibrationSubject

  beforeEach(async () => {
    backend = new MemoryBackend(5)
    calibrations = new Calibrations({ backend, encoders: Encoders.create({ home: 'nowhere' }) })
    const random = seededRandom(4)
    const record = vectorCollection('points', 4)
    await backend.createCollection(record)
    await backend.upsert(
      'points',
      Array.from({ length: 300 }, (_, i) =>
        vectorItem(
          `p${i}`,
          Float32Array.from({ length: 4 }, () => random.normal()),
        ),
      ),
    )
    const [space] = record.spaces
    if (!space) throw new Error('it has a space')
    subject = { record, space, metric: 'cosine' }
  })
  afterEach(async () => {
    await calibrations.close()
    await backend.close()
  })

  const kept = () => backend.report('points', 'calibration v cosine', { limit: 1 })

  it('are made once and kept', async () => {
    const made = await calibrations.find(subject, { wait: true })
    expect(made?.pairs.mean).toBeCloseTo(0, 1)
    expect(await calibrations.find(subject, { wait: false })).toBe(made)
    expect(await kept()).toMatchObject({ head: { items: 300 } })
  })

  it('that are being made when their collection is deleted are not kept', async () => {
    const making = calibrations.find(subject, { wait: true })
    // of a large collection the first search does not wait
    expect(await calibrations.find(subject, { wait: false })).toBeUndefined()
    await calibrations.forget('points')
    expect(await making).toBeUndefined()
    expect(await kept()).toBeUndefined()
  })
})
