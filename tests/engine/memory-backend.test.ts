import { backendContract, type OpenedBackend } from '../contracts/backend.js'
import { backendDerivedContract } from '../contracts/backend-derived.js'
import { backendDetectionsContract } from '../contracts/backend-detections.js'
import { backendEncodersContract } from '../contracts/backend-encoders.js'
import { backendFiltersContract } from '../contracts/backend-filters.js'
import { backendImagesContract } from '../contracts/backend-images.js'
import { keywordContract } from '../contracts/backend-keywords.js'
import { backendRecordsContract } from '../contracts/backend-records.js'
import { MemoryBackend } from '../support/memory-backend.js'

async function open(): Promise<OpenedBackend> {
  const backend = new MemoryBackend(20_260)
  return { backend, cleanup: () => backend.close() }
}

backendContract('memory', open)
backendImagesContract('memory', open)
backendEncodersContract('memory', open)
backendRecordsContract('memory', open)
backendFiltersContract('memory', open)
keywordContract('memory', open)
backendDerivedContract('memory', open)
backendDetectionsContract('memory', open)
