import type { Command } from 'commander'
import type { Client } from '../client.js'
import { connect, liveServer } from '../connect.js'
import type { Context, Runner } from '../context.js'
import { askEmoji, fillEmoji } from '../demo-emoji.js'
import { askFashion } from '../demo-fashion.js'
import { common, integer } from '../options.js'
import { openServer, type ServeOptions, TOKEN_HELP } from '../serve-home.js'
import { untilAborted } from '../until-aborted.js'

interface DemoOptions extends ServeOptions {
  serve: boolean
  images: boolean
}

/** `kindred demo` */
export function demoCommand(program: Command, run: Runner): void {
  const command = program
    .command('demo')
    .description(
      'make the collections "emoji" and "fashion" from the sets that ship, ask them something and serve them',
    )
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <number>', 'on which port; 0 takes a free one', integer(0, 65535), 7700)
    .option('--token <secret>', TOKEN_HELP)
    .option('--no-serve', 'end when both are made and asked')
    .option('--no-images', 'only the emoji: nothing is trained')
  common(command, 'kindred demo --port 8080').action((options: DemoOptions) =>
    run(command, (context) => demo(context, options)),
  )
}

async function demo(context: Context, options: DemoOptions): Promise<undefined> {
  const live = await liveServer(context.home)
  if (live || !options.serve) {
    const { client, close } = await connect(context.home)
    try {
      await present(context, client, { url: live?.url, images: options.images })
      if (live) context.output.note(`${context.home} is already served at ${live.url} (process ${live.pid})`)
    } finally {
      await close()
    }
    return
  }
  // The port is taken first: that it is in use should not be learnt after the work.
  const { client, url, close } = await openServer(context.home, options)
  try {
    await present(context, client, { url, images: options.images, ending: 'Ctrl-C stops it' })
    await untilAborted(context.signal)
  } finally {
    await close()
  }
}

/**
 * Fills the collections where they are not complete, asks them, tells what was found: people as soon as it is known,
 * programs in one document.
 */
async function present(
  context: Context,
  client: Client,
  { url, images, ending }: { url: string | undefined; images: boolean; ending?: string },
): Promise<void> {
  const { output } = context
  const added = await fillEmoji(context, client)
  const { document, text } = await askEmoji(context, client)
  const invitation =
    url === undefined
      ? 'Ask it yourself: kindred search emoji "something to celebrate with"'
      : `kindred serves ${url}`
  const emoji = { ...(url === undefined ? {} : { url }), ...document, added }
  if (!output.json) output.answer(emoji, () => `${text}\n${invitation}`)
  if (ending !== undefined) output.note(ending)
  const fashion = images ? await askFashion(context, client) : undefined
  if (output.json) output.answer({ ...emoji, ...(fashion ? { fashion: fashion.document } : {}) }, () => '')
  else if (fashion) output.answer(fashion.document, () => fashion.text)
}
