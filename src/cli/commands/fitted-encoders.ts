import type { Command } from 'commander'
import type { EncoderVersion } from '../../core/backend.js'
import { connect } from '../connect.js'
import type { Context, Runner } from '../context.js'
import { UsageError } from '../errors.js'
import { followJob } from '../follow-job.js'
import { common, integer } from '../options.js'
import { textTable } from '../text-table.js'

interface VersionOptions {
  version?: number
}

/** Adds `encoders export | versions | revert`: of encoders that were fitted to a collection's pictures. */
export function fittedEncoderCommands(group: Command, run: Runner): void {
  const one = 'which version (default: the current one)'
  const exporting = group
    .command('export')
    .description('write a trained encoder as encoder.onnx and decoder.onnx, which any ONNX runtime can load')
    .argument('<space>', 'COLLECTION/SPACE')
    .argument('<folder>', 'where to; made if it is missing')
    .option('--version <number>', one, integer(1))
  common(exporting, 'kindred encoders export shirts/vae ./vae').action(
    (place: string, folder: string, options: VersionOptions) =>
      run(exporting, (context) => exportOne(context, place, folder, options)),
  )

  const versions = group
    .command('versions')
    .description('list the encoders that a space has had, as far as they are kept')
    .argument('<space>', 'COLLECTION/SPACE')
  common(versions, 'kindred encoders versions shirts/vae').action((place: string) =>
    run(versions, (context) => listVersions(context, place)),
  )

  const revert = group
    .command('revert')
    .description('bring the encoder of a space back that was replaced')
    .argument('<space>', 'COLLECTION/SPACE')
    .option('--version <number>', 'which version (default: the latest that was replaced)', integer(1))
  common(revert, 'kindred encoders revert shirts/vae').action((place: string, options: VersionOptions) =>
    run(revert, (context) => revertOne(context, place, options)),
  )
}

async function exportOne(
  context: Context,
  place: string,
  folder: string,
  { version }: VersionOptions,
): Promise<undefined> {
  const { collection, space } = parsePlace(place)
  const { exportEncoder } = await import('../../encoders/images/export-encoder.js')
  const { client, close } = await connect(context.home, { encoderThreads: 1, mustExist: true })
  try {
    const files = await exportEncoder(await client.encoderModel(collection, space, version), folder)
    context.output.answer({ folder, files }, () => `wrote ${files.join(', ')} into ${folder}`)
  } finally {
    await close()
  }
}

async function listVersions(context: Context, place: string): Promise<undefined> {
  const { collection, space } = parsePlace(place)
  const { client, close } = await connect(context.home, { encoderThreads: 1, mustExist: true })
  try {
    const versions = await client.versions(collection, space)
    context.output.answer({ versions }, () => versionsText(versions, context.output.width))
  } finally {
    await close()
  }
}

async function revertOne(context: Context, place: string, { version }: VersionOptions): Promise<undefined> {
  const { collection, space } = parsePlace(place)
  const { client, close } = await connect(context.home, { mustExist: true })
  try {
    const { result } = await followJob(context, client, await client.revert(collection, space, version))
    const back = result as { space: string; version: number }
    context.output.answer(back, () => `space "${back.space}" uses version ${back.version} again`)
  } finally {
    await close()
  }
}

function versionsText(versions: readonly EncoderVersion[], width: number): string {
  const rows = versions.map(({ version, state, encoderName, dim, vectors, createdAt }) => [
    String(version),
    state,
    encoderName ?? '',
    String(dim),
    String(vectors),
    createdAt,
  ])
  const right = { align: 'right' } as const
  return textTable(
    [
      { title: 'version', ...right },
      { title: 'state' },
      { title: 'encoder' },
      { title: 'dim', ...right },
      { title: 'vectors', ...right },
      { title: 'made', flexible: true },
    ],
    rows,
    width,
  )
}

/** `shirts/vae` */
function parsePlace(place: string): { collection: string; space: string } {
  const [collection, space, ...more] = place.split('/')
  if (!collection || !space || more.length > 0) {
    throw new UsageError(`say COLLECTION/SPACE, such as shirts/vae; got ${JSON.stringify(place)}`)
  }
  return { collection, space }
}
