import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Kindred } from '#src/engine/kindred.js'
import { MemoryBackend } from './memory-backend.js'

/** An engine on an empty home. */
export interface OpenedEngine {
  kindred: Kindred
  home: string
  /** Closes the engine and takes the home away. */
  cleanup(): Promise<void>
}

async function openIn(backend: MemoryBackend | undefined): Promise<OpenedEngine> {
  const home = await mkdtemp(join(tmpdir(), 'kindred-engine-'))
  const kindred = await Kindred.open({ home, backend, encoderThreads: 1 })
  const cleanup = async (): Promise<void> => {
    await kindred.close()
    await rm(home, { recursive: true, force: true })
  }
  return { kindred, home, cleanup }
}

/** An engine over a backend that answers in random order. */
export function openOverMemory(backend = new MemoryBackend(7)): Promise<OpenedEngine> {
  return openIn(backend)
}

/** An engine as users open it. */
export function openEmbedded(): Promise<OpenedEngine> {
  return openIn(undefined)
}

const built = fileURLToPath(new URL('../../dist/backends/embedded/embedded-backend.js', import.meta.url))

/** All that the engine's tests run over. */
export const ENGINES: [name: string, open: () => Promise<OpenedEngine>][] = [
  ['memory', () => openOverMemory()],
  ...(existsSync(built) ? ([['embedded', openEmbedded]] as [string, () => Promise<OpenedEngine>][]) : []),
]
