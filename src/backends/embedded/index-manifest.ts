import { randomBytes } from 'node:crypto'
import { open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

/** The layout of the manifests; another number makes them be rebuilt. */
const FORMAT = 1

const segmentSchema = z.object({
  file: z.string().regex(/^[\w-]+\.hnsw$/),
  bytes: z.number(),
  sha256: z.string(),
  /** Vectors in the file, those marked as deleted included. */
  count: z.number(),
  firstLabel: z.number(),
  lastLabel: z.number(),
  /** How recall grows with `ef`: pairs of the two; files of earlier versions have none. */
  curve: z.array(z.tuple([z.number(), z.number()])).optional(),
})

const manifestSchema = z.object({
  format: z.literal(FORMAT),
  epoch: z.string(),
  encoderKey: z.number(),
  /** The encoder's id; null where the user brings the vectors. */
  encoder: z.string().nullable(),
  metric: z.enum(['cosine', 'euclidean', 'dot']),
  dim: z.number(),
  m: z.number(),
  efConstruction: z.number(),
  /** The last change of the log that the files hold, and its stamp; 0 for none. */
  seq: z.number(),
  stamp: z.string(),
  segments: z.array(segmentSchema),
})

/** One index file: the vectors with labels from `firstLabel` to `lastLabel`. */
export type SegmentFile = z.infer<typeof segmentSchema>

/** What the index files beside it are, so that a file is only used where it is known to be the right one. */
export type IndexManifest = z.infer<typeof manifestSchema>

/** The common beginning of the names of an index's files. */
export function indexName(encoderKey: number, metric: string): string {
  return `e${encoderKey}-${metric}`
}

/** A name for a new index file, used once. */
export function newSegmentFile(encoderKey: number, metric: string): string {
  return `${indexName(encoderKey, metric)}-${randomBytes(6).toString('hex')}.hnsw`
}

/** @returns the manifest, or why there is none to be used */
export async function readManifest(path: string): Promise<IndexManifest | string> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch {
    return 'there is no manifest'
  }
  try {
    const parsed = manifestSchema.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : 'the manifest is of another format'
  } catch {
    return 'the manifest is not JSON'
  }
}

/** Vectors in the files of an index, as its manifest says; 0 without one. */
export async function savedCount(cacheDir: string, encoderKey: number, metric: string): Promise<number> {
  const manifest = await readManifest(join(cacheDir, `${indexName(encoderKey, metric)}.json`))
  if (typeof manifest === 'string') return 0
  return manifest.segments.reduce((sum, segment) => sum + segment.count, 0)
}

/** Writes a manifest whole or not at all, then removes the files of that index which it does not name. */
export async function writeManifest(
  cacheDir: string,
  manifest: Omit<IndexManifest, 'format'>,
): Promise<void> {
  const name = indexName(manifest.encoderKey, manifest.metric)
  const path = join(cacheDir, `${name}.json`)
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`
  const file = await open(temporary, 'w')
  try {
    await file.writeFile(JSON.stringify({ format: FORMAT, ...manifest }, null, 2))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  const named = new Set(manifest.segments.map((segment) => segment.file))
  await removeFiles(cacheDir, (entry) => entry.startsWith(`${name}-`) && !named.has(entry))
}

/** Removes the cache files for which it is true; what cannot be removed stays for the next time. */
export async function removeFiles(cacheDir: string, which: (file: string) => boolean): Promise<void> {
  for (const entry of await readdir(cacheDir)) {
    if (which(entry)) await rm(join(cacheDir, entry), { force: true }).catch(() => undefined)
  }
}
