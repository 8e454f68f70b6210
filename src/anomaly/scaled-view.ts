import type { Rows } from '../core/detection.js'
import { RowSums } from '../core/row-sums.js'
import { eachScaledBlock, type Scaling } from './scaling.js'

/** Rows as a detector looks at them: scaled columns, or some directions in these. */
export class ScaledView {
  readonly scaling: Scaling
  /** Shape [directions, dim]. */
  readonly components: Float32Array | undefined
  readonly #products: RowSums | undefined

  constructor(scaling: Scaling, components: Float32Array | undefined) {
    this.scaling = scaling
    this.components = components
    if (components) this.#products = new RowSums('products', components, { dim: scaling.means.length })
  }

  /** @returns shape [count, directions], or of the same shape where there are none */
  of(rows: Rows): Rows {
    const width = this.#products?.count ?? rows.dim
    const values = new Float32Array(rows.count * width)
    eachScaledBlock(rows, this.scaling, (block, from) => {
      if (!this.#products) values.set(block, from * width)
      else this.#products.with(block, (row, products) => values.set(products, (from + row) * width))
    })
    return { values, count: rows.count, dim: width }
  }
}
