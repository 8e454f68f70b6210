import { FlatIndex } from '#src/indexes/flat-index.js'
import { HnswIndex } from '#src/indexes/hnsw-index.js'
import { describeVectorIndex } from '../contracts/vector-index.js'

describeVectorIndex({
  name: 'flat',
  create: (options) => FlatIndex.create(options),
  load: (path, options) => FlatIndex.load(path, options),
  recall: 1,
})

describeVectorIndex({
  name: 'hnsw',
  create: (options) => HnswIndex.create(options),
  load: (path, options) => HnswIndex.load(path, options),
  recall: 0.99,
})
