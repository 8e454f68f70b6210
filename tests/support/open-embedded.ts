import { EmbeddedBackend } from '#src/backends/embedded/embedded-backend.js'
import type { OpenedBackend } from '../contracts/backend.js'
import { RecordingJobs } from './backend-items.js'
import { temporaryFolder } from './test-home.js'

/** An embedded backend on an empty home, for the contract suites. */
export async function openEmbeddedBackend(): Promise<OpenedBackend> {
  const home = temporaryFolder()
  let backend = await EmbeddedBackend.open({ home: home.path, jobs: new RecordingJobs() })
  return {
    backend,
    async reopen() {
      await backend.close()
      backend = await EmbeddedBackend.open({ home: home.path, jobs: new RecordingJobs() })
      return backend
    },
    async cleanup() {
      await backend.close()
      home.remove()
    },
  }
}
