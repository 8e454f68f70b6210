import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

/** The folder of a bundled encoder. */
export function bundled(name: string): string {
  return fileURLToPath(new URL(`../../data/models/${name}`, import.meta.url))
}

/** A folder that is there until the test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kindred-encoders-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A copy of all-MiniLM-L6-v2 that a test may change; weights are linked unless they are to be changed too. */
export async function copyOfMiniLm(options: { weights?: 'copied' | 'linked' } = {}): Promise<string> {
  const source = bundled('all-MiniLM-L6-v2')
  const folder = join(await temporaryFolder(), 'mini')
  const weights = join('onnx', 'model_quantized.onnx')
  const linked = options.weights !== 'copied'
  await cp(source, folder, { recursive: true, filter: (path) => !(linked && path.endsWith('.onnx')) })
  if (linked) {
    await mkdir(dirname(join(folder, weights)), { recursive: true })
    await symlink(join(source, weights), join(folder, weights))
  }
  return folder
}
