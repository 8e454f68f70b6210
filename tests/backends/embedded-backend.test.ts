import { backendContract } from '../contracts/backend.js'
import { backendDerivedContract } from '../contracts/backend-derived.js'
import { backendDetectionsContract } from '../contracts/backend-detections.js'
import { backendFiltersContract } from '../contracts/backend-filters.js'
import { backendImagesContract } from '../contracts/backend-images.js'
import { keywordContract } from '../contracts/backend-keywords.js'
import { backendRecordsContract } from '../contracts/backend-records.js'
import { openEmbeddedBackend } from '../support/open-embedded.js'

backendContract('embedded', openEmbeddedBackend)
backendImagesContract('embedded', openEmbeddedBackend)
backendRecordsContract('embedded', openEmbeddedBackend)
backendFiltersContract('embedded', openEmbeddedBackend)
keywordContract('embedded', openEmbeddedBackend)
backendDerivedContract('embedded', openEmbeddedBackend)
backendDetectionsContract('embedded', openEmbeddedBackend)
