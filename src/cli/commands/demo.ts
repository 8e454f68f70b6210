import type { Command } from 'commander'
import type { Client } from '../client.js'
import { connect, liveServer } from '../connect.js'
import type { Context, Runner } from '../context.js'
import { askEmoji, fillEmoji } from '../demo-emoji.js'
import { presentFashion } from '../demo-fashion.js'
import { common, integer } from '../options.js'
import { openServer } from '../serve-home.js'
import { untilAborted } from '../until-aborted.js'

interface DemoOptions {
  host: string
  port: number
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
      await present(context, client, live?.url)
      if (options.images) await presentFashion(context, client)
      if (live) context.output.note(`${context.home} is already served at ${live.url} (process ${live.pid})`)
    } finally {
      await close()
    }
    return
  }
  // The port is taken first: that it is in use should not be learnt after the work.
  const { client, url, close } = await openServer(context.home, options)
  try {
    await present(context, client, url)
    context.output.note('Ctrl-C stops it')
    if (options.images) await presentFashion(context, client)
    await untilAborted(context.signal)
  } finally {
    await close()
  }
}

/** Fills the emoji collection if it is not complete, asks it, tells what was found. */
async function present(context: Context, client: Client, url: string | undefined): Promise<void> {
  const added = await fillEmoji(context, client)
  const { document, text } = await askEmoji(context, client)
  const invitation =
    url === undefined
      ? 'Ask it yourself: kindred search emoji "something to celebrate with"'
      : `kindred serves ${url}`
  const shown = { ...(url === undefined ? {} : { url }), ...document, added }
  context.output.answer(shown, () => `${text}\n${invitation}`)
}
