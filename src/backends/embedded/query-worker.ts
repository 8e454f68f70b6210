import { workerData } from 'node:worker_threads'
import { answerCalls } from '../../core/answer-calls.js'
import { KeywordSearch } from './keyword-search.js'
import type { QueryRequest } from './query-messages.js'
import { openDatabase, sqliteError } from './sqlite.js'

const { path } = workerData as { path: string }
const db = openDatabase(path, { readonly: true })
db.pragma('cache_size = -32000')
const keywords = new KeywordSearch(db)

answerCalls(({ request }: { request: QueryRequest }) => answer(request), {
  failure: (error) => sqliteError(error, path),
  close: () => db.close(),
})

/** In one transaction: all that a query reads is of the same moment. */
function answer(request: QueryRequest): unknown {
  return db.transaction(() => {
    switch (request.op) {
      case 'keyword':
        return keywords.search(request)
      case 'match':
        return keywords.match(request)
    }
  })()
}
