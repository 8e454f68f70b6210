import type { Backend } from '#src/core/backend.js'
import { EngineError } from '#src/core/errors.js'
import type { MemoryBackend } from './memory-backend.js'

/** As if another process wrote the item before each conditional write. */
export function alwaysLate(backend: MemoryBackend): MemoryBackend {
  return new Proxy(backend, {
    get(target, name) {
      if (name === 'upsert') {
        return async (collection: string, writes: Parameters<Backend['upsert']>[1]) => {
          if (writes.some(({ ifRevision }) => ifRevision !== undefined)) {
            throw new EngineError('CONFLICT', 'written meanwhile', {
              details: { ids: writes.map(({ id }) => id) },
            })
          }
          await target.upsert(collection, writes)
        }
      }
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
