import { EmbeddedBackend } from '#src/backends/embedded/embedded-backend.js'
import { backendContract, type OpenedBackend } from '../contracts/backend.js'
import { backendEncodersContract } from '../contracts/backend-encoders.js'
import { backendImagesContract } from '../contracts/backend-images.js'
import { backendRecordsContract } from '../contracts/backend-records.js'
import { RecordingJobs } from '../support/backend-items.js'
import { temporaryFolder } from '../support/test-home.js'

async function open(): Promise<OpenedBackend> {
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

backendContract('embedded', open)
backendImagesContract('embedded', open)
backendEncodersContract('embedded', open)
backendRecordsContract('embedded', open)
