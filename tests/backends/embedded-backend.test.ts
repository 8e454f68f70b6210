import { EmbeddedBackend } from '#src/backends/embedded/embedded-backend.js'
import { backendContract } from '../contracts/backend.js'
import { RecordingJobs } from '../support/backend-items.js'
import { temporaryFolder } from '../support/test-home.js'

backendContract('embedded', async () => {
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
})
