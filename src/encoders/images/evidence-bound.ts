/** Keeps logarithms finite: the decoder's pictures are float32 and reach 0 and 1. */
const LEAST = 1e-6

/**
 * A VAE's negative evidence lower bound of one picture, in nats: the binary cross-entropy of its pixels, summed, at the mean of
 * the latent distribution (not at a sample, so that it is the same every time), and KL(N(mu, var) || N(0, 1)) with its
 * whole weight, whatever `beta` the encoder was trained with (Kingma and Welling 2014). Larger is stranger.
 *
 * @param pixels 0 to 255
 * @param picture what the decoder makes of `mu`, as many values in 0..1
 * @param mu shape [dim]
 * @param logVar shape [dim]
 */
export function negativeEvidenceBound(
  pixels: Uint8Array,
  picture: Float32Array,
  mu: Float32Array,
  logVar: Float32Array,
): number {
  let entropy = 0
  for (let i = 0; i < pixels.length; i++) {
    const target = (pixels[i] as number) / 255
    const p = Math.min(1 - LEAST, Math.max(LEAST, picture[i] as number))
    entropy -= target * Math.log(p) + (1 - target) * Math.log1p(-p)
  }
  let kl = 0
  for (let d = 0; d < mu.length; d++) {
    const log = logVar[d] as number
    kl += ((mu[d] as number) ** 2 + Math.exp(log) - 1 - log) / 2
  }
  return entropy + kl
}
