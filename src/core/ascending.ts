/** How many of the ascending values are less than `value`. */
export function countBelow(ascending: ArrayLike<number>, value: number): number {
  let low = 0
  let high = ascending.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ascending[middle] as number) < value) low = middle + 1
    else high = middle
  }
  return low
}

/** How many of the ascending values are at most `value`. */
export function countUpTo(ascending: ArrayLike<number>, value: number): number {
  let low = 0
  let high = ascending.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ascending[middle] as number) <= value) low = middle + 1
    else high = middle
  }
  return low
}

/** @param ascending at least one value @param share in 0..1; linear between values */
export function quantileOf(ascending: ArrayLike<number>, share: number): number {
  const place = Math.min(Math.max(share, 0), 1) * (ascending.length - 1)
  const low = ascending[Math.floor(place)] ?? Number.NaN
  const high = ascending[Math.ceil(place)] ?? low
  return low + (high - low) * (place - Math.floor(place))
}
