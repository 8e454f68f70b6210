import { backendContract } from '../contracts/backend.js'
import { MemoryBackend } from '../support/memory-backend.js'

backendContract('memory', async () => {
  const backend = new MemoryBackend(20_260)
  return { backend, cleanup: () => backend.close() }
})
