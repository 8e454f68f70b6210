import { EngineError } from '../core/errors.js'

/** @throws EngineError ENCODER_INVALID if the setting is not a finite number */
export function numberSetting(settings: Record<string, unknown>, name: string): number {
  const value = settings[name]
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new EngineError(
    'ENCODER_INVALID',
    `the detectors' setting "${name}" is ${JSON.stringify(value)}, expected a number; fit the detectors again`,
  )
}
