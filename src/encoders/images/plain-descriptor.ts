import type { ImageEncoderModel } from '../../core/image-encoder.js'
import { chooseShape } from './choose-shape.js'
import { DescriptorBlocks } from './descriptor/descriptor-blocks.js'
import { identify } from './model-id.js'

/**
 * The descriptor before there are enough pictures to fit it to: the plain normalised blocks.
 *
 * @param sample renditions, at least one: whether they are grey decides what is looked at
 * @throws EngineError INVALID_IMAGE
 */
export async function plainDescriptor(sample: readonly Uint8Array[]): Promise<ImageEncoderModel> {
  const { size, channels } = await chooseShape('descriptor', sample)
  const { length } = new DescriptorBlocks({ size, channels })
  return identify({
    kind: 'descriptor',
    dim: length,
    unit: true,
    settings: { size, channels, fittedOn: 0 },
    files: {},
    report: {},
  })
}
