import { basename, dirname, join } from 'node:path'

// The names that MNIST's files have, and those of all sets that followed it: `t10k-images-idx3-ubyte`,
// `train-labels.idx1-ubyte`, with `.gz` where they are compressed.

/** Whether a file holds pictures, by its name. */
export function isIdxImages(path: string): boolean {
  return /[-._]idx3-ubyte(\.gz)?$/i.test(basename(path))
}

/** Whether a file holds labels, by its name. */
export function isIdxLabels(path: string): boolean {
  return /[-._]idx1-ubyte(\.gz)?$/i.test(basename(path))
}

/** What the ids of a file's pictures begin with: the same, whether it is compressed or not. */
export function idxId(name: string): string {
  return name.replace(/\.gz$/i, '')
}

/** Where the labels of a file of pictures may lie, the likeliest first; none for other files. */
export function idxLabelsOf(path: string): string[] {
  if (!isIdxImages(path)) return []
  const name = idxId(basename(path)).replace(/images(?!.*images)/, 'labels')
  const stems = ['-', '.', '_'].map((mark) => name.replace(/[-._]idx3-ubyte$/i, `${mark}idx1-ubyte`))
  const own = name.replace(/idx3(?=-ubyte$)/i, 'idx1')
  const suffixes = /\.gz$/i.test(path) ? ['.gz', ''] : ['', '.gz']
  const names = [...new Set([own, ...stems])].flatMap((stem) => suffixes.map((suffix) => stem + suffix))
  return names.map((labels) => join(dirname(path), labels))
}
