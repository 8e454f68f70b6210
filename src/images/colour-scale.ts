/** A colour: red, green and blue, each 0 to 255. */
export type Colour = readonly [red: number, green: number, blue: number]

/**
 * Eleven evenly spaced colours of `inferno`, by Nathaniel Smith and Stéfan van der Walt for matplotlib (CC0): equal
 * steps of the value look like equal steps, in grey and for the colour-blind too.
 */
const INFERNO: readonly Colour[] = [
  [0, 0, 4],
  [22, 11, 57],
  [66, 10, 104],
  [106, 23, 110],
  [147, 38, 103],
  [188, 55, 84],
  [221, 81, 58],
  [243, 120, 25],
  [252, 165, 10],
  [246, 215, 70],
  [252, 255, 164],
]

/** @param value in 0..1, what lies outside is taken for the end of the scale; from dark to bright */
export function colourOf(value: number): Colour {
  const place = Math.min(1, Math.max(0, value)) * (INFERNO.length - 1)
  const low = INFERNO[Math.floor(place)] as Colour
  const high = INFERNO[Math.ceil(place)] as Colour
  const part = place - Math.floor(place)
  const mix = (i: 0 | 1 | 2): number => Math.round(low[i] + (high[i] - low[i]) * part)
  return [mix(0), mix(1), mix(2)]
}
