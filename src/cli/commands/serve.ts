import type { Command } from 'commander'
import { EngineError } from '../../core/errors.js'
import { liveServer } from '../connect.js'
import type { Context, Runner } from '../context.js'
import { common, integer } from '../options.js'
import { openServer, type ServeOptions, TOKEN_HELP } from '../serve-home.js'
import { untilAborted } from '../until-aborted.js'

/** `kindred serve` */
export function serveCommand(program: Command, run: Runner): void {
  const command = program
    .command('serve')
    .description('serve the HTTP API and the start page until Ctrl-C')
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <number>', 'on which port; 0 takes a free one', integer(0, 65535), 7700)
    .option('--token <secret>', TOKEN_HELP)
  common(command, 'kindred serve --port 7700').action((options: ServeOptions) =>
    run(command, (context) => serve(context, options)),
  )
}

async function serve(context: Context, options: ServeOptions): Promise<undefined> {
  const { output, signal } = context
  const other = await liveServer(context.home)
  if (other) {
    throw new EngineError(
      'HOME_LOCKED',
      `${context.home} is already served at ${other.url} (process ${other.pid}); use that, stop it, or choose another --home`,
      { details: { pid: other.pid, url: other.url } },
    )
  }
  const { url, close } = await openServer(context.home, options)
  try {
    output.answer({ url, pid: process.pid, home: context.home }, () => `kindred serves ${url}`)
    await untilAborted(signal)
    output.note('stopping')
  } finally {
    await close()
  }
}
