import { parentPort, workerData } from 'node:worker_threads'
import { toPlainError } from '../../core/errors.js'
import { KeywordSearch } from './keyword-search.js'
import type { QueryReply, QueryRequest } from './query-messages.js'
import { openDatabase, sqliteError } from './sqlite.js'

const port = parentPort
if (!port) throw new Error('query-worker runs as a worker thread')

const { path } = workerData as { path: string }
const db = openDatabase(path, { readonly: true })
db.pragma('cache_size = -32000')
const keywords = new KeywordSearch(db)

port.on('message', (message: { id: number; request: QueryRequest } | 'close') => {
  if (message === 'close') {
    db.close()
    port.close()
    return
  }
  let reply: QueryReply
  try {
    reply = { id: message.id, result: answer(message.request) }
  } catch (error) {
    reply = { id: message.id, error: toPlainError(sqliteError(error, path)) }
  }
  port.postMessage(reply)
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
