import { type Command, InvalidArgumentError, Option } from 'commander'
import type { FitResult } from '../../engine/fit-job.js'
import { ENGINES, TRAINABLE, type TrainOptions } from '../../engine/train-request.js'
import { connect } from '../connect.js'
import type { Context, Runner } from '../context.js'
import { followJob } from '../follow-job.js'
import { between, common, integer } from '../options.js'
import { durationWords } from '../progress.js'

/** `kindred train COLLECTION --encoder autoencoder` */
export function trainCommand(program: Command, run: Runner): void {
  const command = program
    .command('train')
    .description("train an encoder on a collection's own pictures; Ctrl-C leaves everything as it was")
    .argument('<collection>')
    .addOption(
      new Option('--encoder <kind>', 'linear and quick, the one that reconstructs best, or a smooth space')
        .choices([...TRAINABLE])
        .makeOptionMandatory(),
    )
    .option('--space <name>', "where its vectors go (default: the encoder's kind)")
    .option(
      '--dim <number>',
      'dimensions of the latent space (default: 32, fewer for few pictures)',
      integer(1, 1024),
    )
    .option(
      '--size <pixels>',
      'side that pictures are brought to (default: from the pictures)',
      integer(4, 128),
    )
    .option('--channels <number>', '1 for grey, 3 for colour (default: from the pictures)', greyOrColour)
    .option(
      '--epochs <number>',
      'passes over the pictures, at most (default: from their number)',
      integer(1, 1000),
    )
    .option('--beta <number>', "weight of the VAE's KL term (default: 1)", between(0, 100))
    .option('--denoise <share>', 'noise added to what the encoder sees, 0 to 1', between(0, 1))
    .option('--seed <number>', 'of all randomness (default: 1)', integer(0, 2 ** 32 - 1))
    .addOption(
      new Option('--engine <name>', 'what computes; tfjs-node where it is installed (default: onnx)').choices(
        [...ENGINES],
      ),
    )
  common(command, 'kindred add shirts ./photos\nkindred train shirts --encoder autoencoder').action(
    (collection: string, options: TrainOptions) =>
      run(command, (context) => train(context, collection, options)),
  )
}

async function train(context: Context, collection: string, given: TrainOptions): Promise<undefined> {
  const { encoder, space, dim, size, channels, epochs, beta, denoise, seed, engine } = given
  const options: TrainOptions = { encoder, space, dim, size, channels, epochs, beta, denoise, seed, engine }
  const started = performance.now()
  const { client, close } = await connect(context.home, { mustExist: true })
  try {
    const { result } = await followJob(context, client, await client.train(collection, options))
    const fitted = result as FitResult
    const seconds = (performance.now() - started) / 1000
    context.output.answer({ collection, ...fitted, seconds }, () => summary(collection, fitted, seconds))
  } finally {
    await close()
  }
}

function summary(collection: string, fitted: FitResult, seconds: number): string {
  const { space, version, dim, report, scored, flagged } = fitted
  const lines = [`trained space "${space}" (version ${version}, dim ${dim}) in ${durationWords(seconds)}`]
  const { heldOutError, pcaError, knnAccuracy } = report
  if (typeof heldOutError === 'number') {
    const beside = typeof pcaError === 'number' ? `, PCA of the same dim ${pcaError.toPrecision(3)}` : ''
    lines.push(`error on pictures that were held out: ${heldOutError.toPrecision(3)}${beside}`)
  }
  if (typeof knnAccuracy === 'number') {
    lines.push(`5 nearest neighbours agree on the label: ${(100 * knnAccuracy).toFixed(1)} %`)
  }
  if (scored !== undefined && flagged !== undefined) {
    lines.push(`flagged ${flagged} of ${scored}; the strangest: kindred outliers ${collection}`)
  }
  return lines.join('\n')
}

function greyOrColour(text: string): 1 | 3 {
  if (text === '1') return 1
  if (text === '3') return 3
  throw new InvalidArgumentError('It must be 1 or 3.')
}
