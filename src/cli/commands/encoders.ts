import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { EncoderSummary } from '../../encoders/registry.js'
import { connect } from '../connect.js'
import type { Context, Runner } from '../context.js'
import { encoderPath } from '../ensure-collection.js'
import { common } from '../options.js'
import { durationWords, startProgress } from '../progress.js'
import { textTable } from '../text-table.js'
import { fittedEncoderCommands } from './fitted-encoders.js'

interface PullOptions {
  revision?: string
  file?: string
}

interface QuantizeOptions {
  texts?: string
  tokenizer?: string
  method?: 'auto' | 'per-row' | 'blocks'
}

/** `kindred encoders list | pull | use | quantize | export | versions | revert` */
export function encodersCommand(program: Command, run: Runner): void {
  const group = program
    .command('encoders')
    .description('list, fetch, choose, shrink, export and bring back encoders')

  const list = group.command('list', { isDefault: true }).description('list the encoders that are there')
  common(list, 'kindred encoders list').action(() => run(list, listEncoders))

  const pull = group
    .command('pull')
    .description(
      'download an encoder from the Hugging Face hub into the home ($HF_ENDPOINT: another hub; $HF_TOKEN: for private ones)',
    )
    .argument('<name>', 'ORG/NAME, or the name of one that kindred knows')
    .option('--revision <revision>', 'a commit, tag or branch; the commit is kept (default: main)')
    .option('--file <path>', 'which .onnx file (default: the best that is there)')
  common(pull, 'kindred encoders pull multilingual-e5-small').action((name: string, options: PullOptions) =>
    run(pull, (context) => pullOne(context, name, options)),
  )

  const use = group
    .command('use')
    .description('make an encoder the default of new collections')
    .argument('<name>')
  common(use, 'kindred encoders use multilingual-e5-small').action((name: string) =>
    run(use, async (context) => {
      const { client, close } = await connect(context.home, { encoderThreads: 1 })
      try {
        await client.useEncoder(encoderPath(name))
        context.output.answer({ default: name }, () => `new collections use ${name}`)
      } finally {
        await close()
      }
    }),
  )

  const quantize = group
    .command('quantize')
    .description('make a small, fast encoder from an fp32 ONNX model')
    .argument('<input>', 'an .onnx file in fp32, or a folder that holds one')
    .argument('<output>', 'the folder to make')
    .option('--texts <file>', 'texts to compare on, one a line, best of the kind the encoder is for')
    .option('--tokenizer <dir>', 'the folder of its tokenizer and settings (default: where the model is)')
    .option('--method <method>', 'auto, per-row or blocks (default: auto)')
  common(quantize, 'kindred encoders quantize ./my-model ./my-model-small').action(
    (input: string, output: string, options: QuantizeOptions) =>
      run(quantize, (context) => quantizeOne(context, input, output, options)),
  )
  fittedEncoderCommands(group, run)
}

async function listEncoders(context: Context): Promise<undefined> {
  const { client, close } = await connect(context.home, { encoderThreads: 1 })
  try {
    const encoders = await client.encoders()
    context.output.answer({ encoders }, () => listText(encoders, context.output.width))
  } finally {
    await close()
  }
}

function listText(encoders: readonly EncoderSummary[], width: number): string {
  const rows = encoders.map(({ name, dim, size, source, isDefault, problem }) => [
    name,
    dim === undefined ? '' : String(dim),
    size === undefined ? '' : megabytes(size),
    problem ?? (isDefault ? `${source}, default` : source),
  ])
  return textTable(
    [
      { title: 'encoder' },
      { title: 'dim', align: 'right' },
      { title: 'size', align: 'right' },
      { title: '', flexible: true },
    ],
    rows,
    width,
  )
}

async function pullOne(context: Context, name: string, options: PullOptions): Promise<undefined> {
  const { home, output, signal } = context
  const { pullEncoder } = await import('../../encoders/pull.js')
  const progress = await startProgress(output, 'pulling', 'bytes')
  try {
    const pulled = await pullEncoder({
      ...options,
      repo: name,
      home,
      signal,
      onProgress: (done, total) => progress.update(done, total),
    })
    progress.stop()
    output.answer(pulled, () => `pulled ${pulled.name} into ${pulled.folder}`)
  } finally {
    progress.stop()
  }
}

async function quantizeOne(
  context: Context,
  input: string,
  folder: string,
  options: QuantizeOptions,
): Promise<undefined> {
  const { output, signal } = context
  const { quantizeModel } = await import('../../encoders/quantize/quantize.js')
  const texts =
    options.texts === undefined ? undefined : (await readFile(options.texts, 'utf8')).split(/\r?\n/)
  const started = performance.now()
  const progress = await startProgress(output, 'quantizing', 'steps')
  try {
    const report = await quantizeModel({
      input,
      output: folder,
      files: options.tokenizer,
      texts,
      method: options.method,
      signal,
      onProgress: (done, total) => progress.update(done, total),
    })
    progress.stop()
    const { size, cosine } = report
    output.answer(report, () => {
      const sizes = `${megabytes(size.fp32)} -> ${megabytes(size.quantized)}`
      const seconds = durationWords((performance.now() - started) / 1000)
      return `made ${folder} in ${seconds}: ${sizes}, mean cosine to fp32 ${cosine.mean.toFixed(4)}`
    })
  } finally {
    progress.stop()
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
