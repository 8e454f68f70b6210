import { backendEncodersContract } from '../contracts/backend-encoders.js'
import { openEmbeddedBackend } from '../support/open-embedded.js'

backendEncodersContract('embedded', openEmbeddedBackend)
