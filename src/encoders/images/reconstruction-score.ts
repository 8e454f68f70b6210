import type { Reconstruction } from '../../core/image-encoder.js'

/** Added to the picture's norm, so that a nearly black picture is not infinitely strange. */
const DARK = 0.05

/**
 * How badly an encoder knows a picture: the mean squared error, and a score in which bright pictures are not stranger
 * than dark ones: `error / sqrt(meanSquare + 0.05^2)`, the error over the picture's own norm. Larger is stranger. Dividing by
 * the root ranked strangers better than no division, or than dividing by the mean square, with PCA and autoencoders of 8
 * to 16 dimensions trained on one digit of MNIST's training images and judged on others of these.
 *
 * @param pixels 0 to 255
 * @param reconstruction of as many values, meant for 0..1; taken as it is
 */
export function reconstructionScore(pixels: Uint8Array, reconstruction: Float32Array): Reconstruction {
  let errors = 0
  let squares = 0
  for (let i = 0; i < pixels.length; i++) {
    const value = (pixels[i] as number) / 255
    const difference = value - (reconstruction[i] as number)
    errors += difference * difference
    squares += value * value
  }
  const error = errors / pixels.length
  return { error, score: error / Math.sqrt(squares / pixels.length + DARK * DARK) }
}
