// Copies what tsc leaves behind into dist/: files that are served or read as they are.
import { cpSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = new URL('../', import.meta.url)

for (const folder of ['http/page']) {
  cpSync(fileURLToPath(new URL(`src/${folder}`, root)), fileURLToPath(new URL(`dist/${folder}`, root)), {
    recursive: true,
  })
}
