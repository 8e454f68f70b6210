import type { Job } from '../../core/jobs.js'
import { AnomalyReader } from './anomaly-reader.js'
import { ContentReader } from './content-reader.js'
import type { DetectionReader } from './detection-reader.js'
import { EncoderReader } from './encoder-reader.js'
import { ImageReader } from './image-reader.js'
import { ItemReader } from './item-reader.js'
import { ReportReader } from './report-reader.js'
import { type Connection, openDatabase } from './sqlite.js'

/** A read-only connection for what is small: items by id, pages of a listing, single pictures. */
export class Reader {
  readonly encoders: EncoderReader
  readonly items: ItemReader
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
    this.items = new ItemReader(this.#db, this.anomalies)
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
