import { Command } from 'commander'
import { packageVersion } from '../http/package-version.js'
import { addCommand } from './commands/add.js'
import { collectionsCommand } from './commands/collections.js'
import { demoCommand } from './commands/demo.js'
import { duplicatesCommand } from './commands/duplicates.js'
import { encodersCommand } from './commands/encoders.js'
import { facetsCommand } from './commands/facets.js'
import { itemsCommand } from './commands/items.js'
import { outliersCommand } from './commands/outliers.js'
import { searchCommand } from './commands/search.js'
import { serveCommand } from './commands/serve.js'
import { trainCommand } from './commands/train.js'
import type { Runner } from './context.js'
import type { Streams } from './output.js'

/**
 * The command line, told as commander's tree. What a command needs is imported when it runs, so that `--help` and
 * short commands start at once.
 *
 * @param streams where help is written
 * @param run is given each command's work
 */
export function buildProgram({ stdout, stderr }: Streams, run: Runner): Command {
  const program = new Command('kindred')
    .description(
      'Semantic search, similar images and outliers over your own texts and pictures, in one process.',
    )
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'show help')
    // else the program takes a command's --version for its own
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: () => undefined,
    })
    .addHelpText(
      'after',
      '\nExample:\n  kindred add notes ~/notes\n  kindred search notes "how do I undo a commit"\n\n' +
        'Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.\n' +
        'With --json, stdout holds the answer alone and errors are JSON on stderr.',
    )
  demoCommand(program, run)
  serveCommand(program, run)
  addCommand(program, run)
  searchCommand(program, run)
  trainCommand(program, run)
  outliersCommand(program, run)
  duplicatesCommand(program, run)
  collectionsCommand(program, run)
  itemsCommand(program, run)
  facetsCommand(program, run)
  encodersCommand(program, run)
  return program
}
