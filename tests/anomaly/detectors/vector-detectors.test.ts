import { DETECTOR_KINDS } from '#src/anomaly/detectors/vector-detectors.js'
import { VECTOR_DETECTORS } from '#src/core/detection.js'
import { describeDetector } from '../../contracts/detector.js'

for (const name of VECTOR_DETECTORS) describeDetector({ name, ...DETECTOR_KINDS[name] })
