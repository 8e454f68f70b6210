import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from '../../core/errors.js'
import type { ImageEncoderModel } from '../../core/image-encoder.js'
import { DECODER_FILE, ENCODER_FILE, shapeOf } from './onnx-image-model.js'

/**
 * Writes an encoder as files that any ONNX runtime can load, with a README; what else is in the folder stays.
 *
 * @returns the names of the files
 * @throws EngineError UNSUPPORTED for the descriptor, which is no ONNX model
 */
export async function exportEncoder(
  model: Pick<ImageEncoderModel, 'kind' | 'id' | 'dim' | 'settings' | 'files'>,
  folder: string,
): Promise<string[]> {
  const encoder = model.files[ENCODER_FILE]
  const decoder = model.files[DECODER_FILE]
  if (!encoder || !decoder) {
    throw new EngineError(
      'UNSUPPORTED',
      `encoder "${model.kind}" is no ONNX model and cannot be exported; train pca, autoencoder or vae`,
    )
  }
  await mkdir(folder, { recursive: true })
  const files = { [ENCODER_FILE]: encoder, [DECODER_FILE]: decoder, 'README.md': readme(model) }
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
  return Object.keys(files)
}

function readme({ kind, id, dim, settings }: Parameters<typeof exportEncoder>[0]): string {
  const { size, channels } = shapeOf(settings)
  const shape = `[batch, ${size}, ${size}, ${channels}]`
  const colours = channels === 1 ? 'grey' : 'red, green, blue'
  return `# ${kind}, dim ${dim}

An image encoder and its decoder, trained by kindred; id ${id}.

| file | input | output |
|---|---|---|
| encoder.onnx | \`image\`, float32 ${shape} | \`latent\`, float32 [batch, ${dim}]${kind === 'vae' ? ' (the mean of the distribution; `logVar` beside it)' : ''} |
| decoder.onnx | \`latent\`, float32 [batch, ${dim}] | \`image\`, float32 ${shape} |

Images are ${size} x ${size} pixels (stretched to that, not cropped), ${colours}, row by row, scaled from 0..255 to 0..1 by
dividing by 255. The batch may have any size.

\`\`\`python
import numpy as np, onnxruntime as ort
encoder = ort.InferenceSession('encoder.onnx')
image = np.zeros((1, ${size}, ${size}, ${channels}), np.float32)
latent = encoder.run(['latent'], {'image': image})[0]
\`\`\`

\`\`\`js
import * as ort from 'onnxruntime-node'
const encoder = await ort.InferenceSession.create('encoder.onnx')
const image = new ort.Tensor('float32', new Float32Array(${size * size * channels}), [1, ${size}, ${size}, ${channels}])
const { latent } = await encoder.run({ image })
\`\`\`
`
}
