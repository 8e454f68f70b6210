import { EngineError } from '../../core/errors.js'
import type { ImageEncoderModel } from '../../core/image-encoder.js'
import { OnnxProgram } from '../../tensor/onnx-program.js'
import type { InputShape } from './choose-shape.js'

/** The files that an encoder which reconstructs has. */
export const ENCODER_FILE = 'encoder.onnx'
export const DECODER_FILE = 'decoder.onnx'

/**
 * A fitted encoder and its decoder, loaded: pixels in, latent vectors and reconstructions out. It computes on the thread
 * that calls it.
 */
export class OnnxImageModel {
  readonly shape: InputShape
  readonly dim: number
  readonly #encoder: OnnxProgram
  readonly #decoder: OnnxProgram

  private constructor(model: { shape: InputShape; dim: number; encoder: OnnxProgram; decoder: OnnxProgram }) {
    this.shape = model.shape
    this.dim = model.dim
    this.#encoder = model.encoder
    this.#decoder = model.decoder
  }

  /** @throws EngineError ENCODER_INVALID, NATIVE_ADDON_MISSING */
  static async load(
    { dim, settings, files }: Pick<ImageEncoderModel, 'dim' | 'settings' | 'files'>,
    options: { threads?: number } = {},
  ): Promise<OnnxImageModel> {
    const shape = shapeOf(settings)
    const encoder = await open(files, ENCODER_FILE, options)
    try {
      const decoder = await open(files, DECODER_FILE, options)
      return new OnnxImageModel({ shape, dim, encoder, decoder })
    } catch (error) {
      await encoder.dispose()
      throw error
    }
  }

  /**
   * @param pixels shape [images, size, size, channels], 0 to 255
   * @returns latent vectors, shape [images, dim]
   */
  async encode(pixels: Uint8Array, images: number): Promise<Float32Array> {
    return (await this.distribution(pixels, images)).latent
  }

  /**
   * As {@link encode}, of a VAE with the logarithms of the variances beside the means.
   *
   * @returns both of shape [images, dim]
   */
  async distribution(
    pixels: Uint8Array,
    images: number,
  ): Promise<{ latent: Float32Array; logVar?: Float32Array }> {
    const { size, channels } = this.shape
    const data = new Float32Array(pixels.length)
    for (let i = 0; i < data.length; i++) data[i] = (pixels[i] as number) / 255
    const { latent, logVar } = await this.#encoder.run({
      image: { data, dims: [images, size, size, channels] },
    })
    const expected = { name: ENCODER_FILE, length: images * this.dim }
    const means = checked(latent?.data, { ...expected, output: 'latent' })
    return logVar
      ? { latent: means, logVar: checked(logVar.data, { ...expected, output: 'logVar' }) }
      : { latent: means }
  }

  /**
   * @param latent shape [images, dim]
   * @returns shape [images, size, size, channels], about 0..1
   */
  async decode(latent: Float32Array, images: number): Promise<Float32Array> {
    const { size, channels } = this.shape
    const { image } = await this.#decoder.run({ latent: { data: latent, dims: [images, this.dim] } })
    return checked(image?.data, {
      name: DECODER_FILE,
      output: 'image',
      length: images * size * size * channels,
    })
  }

  /** Frees both. Idempotent. */
  async dispose(): Promise<void> {
    await this.#encoder.dispose()
    await this.#decoder.dispose()
  }
}

/** Reads size and channels of a model's settings. @throws EngineError ENCODER_INVALID */
export function shapeOf({ size, channels }: Record<string, unknown>): InputShape {
  if (typeof size === 'number' && Number.isInteger(size) && size > 0 && (channels === 1 || channels === 3))
    return { size, channels }
  throw new EngineError(
    'ENCODER_INVALID',
    `the encoder's settings have size ${String(size)} and channels ${String(channels)}, expected a whole number and 1 or 3`,
  )
}

async function open(
  files: Record<string, Uint8Array>,
  name: string,
  options: { threads?: number },
): Promise<OnnxProgram> {
  const bytes = files[name]
  if (bytes === undefined) throw new EngineError('ENCODER_INVALID', `the encoder has no ${name}`)
  try {
    return await OnnxProgram.create(bytes, options)
  } catch (cause) {
    if (cause instanceof EngineError) throw cause
    throw new EngineError(
      'ENCODER_INVALID',
      `${name} (${bytes.length} bytes) is not a model that ONNX Runtime can load: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
}

function checked(
  values: ArrayLike<number> | undefined,
  { name, output, length }: { name: string; output: string; length: number },
): Float32Array {
  if (!(values instanceof Float32Array) || values.length !== length) {
    throw new EngineError(
      'ENCODER_INVALID',
      `${name} gives ${values === undefined ? 'nothing' : `${values.length} values`} as ${output}, expected ${length} of float32`,
    )
  }
  if (!values.every(Number.isFinite))
    throw new EngineError('ENCODER_INVALID', `${name} gives NaN or Infinity as ${output}`)
  return values
}
