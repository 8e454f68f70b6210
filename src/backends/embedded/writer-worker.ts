import { parentPort } from 'node:worker_threads'
import { EngineError, toPlainError } from '../../core/errors.js'
import { DatabaseWriter } from './database-writer.js'
import { sqliteError } from './sqlite.js'
import type { WriterReply, WriterRequest } from './write-messages.js'

const port = parentPort
if (!port) throw new Error('writer-worker runs as a worker thread')

let writer: DatabaseWriter | undefined
let path = 'kindred.db'

port.on('message', (message: { id: number; request: WriterRequest }) => {
  let reply: WriterReply
  try {
    reply = { id: message.id, result: answer(message.request) }
  } catch (error) {
    reply = { id: message.id, error: toPlainError(sqliteError(error, path)) }
  }
  port.postMessage(reply)
  if (message.request.op === 'close') port.close()
})

function answer(request: WriterRequest): unknown {
  if (request.op === 'open') {
    path = request.path
    const opened = DatabaseWriter.open(path)
    writer = opened.writer
    return opened.epoch
  }
  if (!writer) throw new EngineError('CLOSED', 'the database is not open')
  switch (request.op) {
    case 'createCollection':
      return writer.createCollection(request.record)
    case 'deleteCollection':
      return writer.deleteCollection(request.name)
    case 'upsert':
      return writer.upsert(request)
    case 'remove':
      return writer.remove(request.collection, request.ids)
    case 'removeWhere':
      return writer.removeWhere(request.collection, request)
    case 'setIndexed':
      return writer.setIndexed(request.collection, request.fields)
    case 'stageEncoder':
      return writer.stageEncoder(request.collection, request.space, request.version)
    case 'fill':
      return writer.fill(request)
    case 'isWhole':
      return writer.isWhole(request.collection, request.encoderKey)
    case 'promoteEncoder':
      return writer.promoteEncoder(request.encoderKey)
    case 'dropEncoder':
      return writer.dropEncoder(request.encoderKey)
    case 'stageDetection':
      return writer.stageDetection(request.encoderKey, request.detection)
    case 'judge':
      return writer.judge(request.detection, request.rows)
    case 'promoteDetection':
      return writer.promoteDetection(request.detection)
    case 'dropDetection':
      return writer.dropDetection(request.detection)
    case 'correct':
      return writer.correct(request.collection, request.rows)
    case 'purge':
      return writer.purge()
    case 'recordJob':
      return writer.recordJob(request.job)
    case 'keepFingerprints':
      return writer.keepFingerprints(request.collection, request.kind, request.rows)
    case 'beginReport':
      return writer.beginReport(request.collection, request.name)
    case 'addReportRows':
      return writer.addReportRows(request.report, request.from, request.rows)
    case 'finishReport':
      return writer.finishReport(request.report, request.head)
    case 'trimLog':
      return writer.trimLog(request.encoderKey, request.seq)
    case 'checkpoint':
      return writer.checkpoint()
    case 'close':
      writer.close()
      writer = undefined
  }
}
