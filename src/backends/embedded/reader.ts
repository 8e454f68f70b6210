import type { Job } from '../../core/jobs.js'
import { AnomalyReader } from './anomaly-reader.js'
import { ContentReader } from './content-reader.js'
import type { DetectionReader } from './detection-reader.js'
import { EncoderReader } from './encoder-reader.js'
import { ImageReader } from './image-reader.js'
import { ItemReader, type ItemRow } from './item-reader.js'
import { RecentRows } from './recent-rows.js'
import { ReportReader } from './report-reader.js'
import { type Connection, openDatabase } from './sqlite.js'

/** Bytes of rows that are kept: some ten thousand items with a little metadata. */
const KEPT_BYTES = 8 << 20
/** What a kept row takes beside its strings. */
const ROW_BYTES = 200

/** A read-only connection for what is small: items by id, pages of a listing, single pictures. */
export class Reader {
  readonly encoders: EncoderReader
  readonly items: ItemReader
  /** What `items` keeps; to be told of every write. */
  readonly recent = new RecentRows<ItemRow>({ most: KEPT_BYTES, bytesOf })
  readonly images: ImageReader
  readonly anomalies: AnomalyReader
  readonly detections: DetectionReader
  readonly contents: ContentReader
  readonly reports: ReportReader
  readonly #db: Connection

  constructor(path: string) {
    this.#db = openDatabase(path, { readonly: true })
    this.#db.pragma('cache_size = -4000')
    this.encoders = new EncoderReader(this.#db)
    this.detections = this.encoders.detections
    this.anomalies = new AnomalyReader(this.#db, this.detections)
    this.items = new ItemReader(this.#db, this.anomalies, this.recent)
    this.images = new ImageReader(this.#db)
    this.contents = new ContentReader(this.#db)
    this.reports = new ReportReader(this.#db)
  }

  /** Newest first. */
  jobs(): Job[] {
    const jobs = this.#db.prepare<[], string>('SELECT job FROM jobs ORDER BY key DESC').pluck().all()
    return jobs.map((job) => JSON.parse(job) as Job)
  }

  close(): void {
    this.#db.close()
  }
}

function bytesOf(row: ItemRow): number {
  return row.reduce<number>(
    (sum, value) => sum + (typeof value === 'string' ? 2 * value.length : 0),
    ROW_BYTES,
  )
}
