import { EngineError } from '../../core/errors.js'
import { BLOCK } from './blocks.js'
import { LAYER_KINDS, type LayerKind } from './layer-kind.js'
import type { Layers } from './layers.js'
import type { Likeness } from './pooled-vectors.js'
import type { LayerMethod, Plan } from './rewrite.js'

/** Mean cosine to the fp32 vectors below which a quantized model is refused. */
export const LEAST_COSINE = 0.99

/** What one kind of layers may cost by itself for a method to be taken: half of what the whole model may. */
export const LEAST_COSINE_OF_KIND = 0.995

/** How a model may be quantized: by {@link decide}'s own choice, or one way throughout. */
export type QuantizeMethod = 'auto' | 'per-row' | 'blocks'

/** What was decided for one kind of layers, and why. */
export interface KindDecision {
  kind: LayerKind
  layers: number
  method: LayerMethod
  /** Mean cosine to fp32 with this kind alone quantized, by each method that was tried. */
  cosines: Partial<Record<LayerMethod, number>>
}

export interface Decision {
  plan: Plan
  kinds: KindDecision[]
  /** The whole plan against fp32. */
  cosine: Likeness
}

/** Measures a plan: its pooled vectors against those of fp32. */
export type Measure = (plan: Plan, what: string) => Promise<Likeness>

/**
 * Chooses a method for each kind of layers. `auto` takes per-row where it holds, else blocks of 4 bits, else of 8.
 * Small losses add up: while the whole is below {@link LEAST_COSINE}, the kind that loses most goes to blocks of
 * 8 bits.
 *
 * @throws EngineError QUANTIZATION_REFUSED where that is not enough
 */
export async function decide(layers: Layers, method: QuantizeMethod, measure: Measure): Promise<Decision> {
  const kinds: KindDecision[] = []
  for (const kind of LAYER_KINDS) {
    const count =
      kind === 'embeddings'
        ? Number(layers.embedding !== undefined)
        : layers.matrices.filter((layer) => layer.kind === kind).length
    if (count > 0) kinds.push({ kind, layers: count, ...(await choose(kind, layers, method, measure)) })
  }
  for (;;) {
    const plan = Object.fromEntries(kinds.map((decision) => [decision.kind, decision.method])) as Plan
    const cosine = await measure(plan, 'the whole model')
    if (cosine.mean >= LEAST_COSINE) return { plan, kinds, cosine }
    const next = method === 'per-row' ? undefined : weakest(kinds, layers)
    if (!next) throw refusal(method, kinds, cosine)
    next.method = 'blocks-8'
    next.cosines['blocks-8'] ??= (await measure({ [next.kind]: 'blocks-8' }, `${next.kind} by blocks-8`)).mean
  }
}

async function choose(
  kind: LayerKind,
  layers: Layers,
  method: QuantizeMethod,
  measure: Measure,
): Promise<{ method: LayerMethod; cosines: KindDecision['cosines'] }> {
  const blocks: LayerMethod[] = blocksFit(kind, layers) ? ['blocks-4', 'blocks-8'] : ['fp32']
  const tried: LayerMethod[] =
    method === 'per-row' ? ['per-row'] : method === 'blocks' ? blocks : ['per-row', ...blocks]
  const cosines: KindDecision['cosines'] = {}
  for (const candidate of tried) {
    const { mean } =
      candidate === 'fp32' ? { mean: 1 } : await measure({ [kind]: candidate }, `${kind} by ${candidate}`)
    cosines[candidate] = mean
    if (mean >= LEAST_COSINE_OF_KIND || candidate === tried.at(-1)) return { method: candidate, cosines }
  }
  throw new EngineError('INTERNAL', `no method was tried for ${kind}`)
}

/** Blocks of word embeddings need rows of whole blocks; matrices are filled up. */
function blocksFit(kind: LayerKind, layers: Layers): boolean {
  return kind !== 'embeddings' || (layers.embedding?.dim ?? 0) % BLOCK === 0
}

/** The kind that loses most of those that can still be given more bits. */
function weakest(kinds: readonly KindDecision[], layers: Layers): KindDecision | undefined {
  return kinds
    .filter(({ kind, method }) => (method === 'per-row' || method === 'blocks-4') && blocksFit(kind, layers))
    .sort((a, b) => (a.cosines[a.method] ?? 0) - (b.cosines[b.method] ?? 0))[0]
}

function refusal(method: QuantizeMethod, kinds: readonly KindDecision[], cosine: Likeness): EngineError {
  const each = kinds
    .map(
      (decision) =>
        `${decision.kind} ${decision.method} ${(decision.cosines[decision.method] ?? 0).toFixed(4)}`,
    )
    .join(', ')
  const remedy = method === 'auto' ? 'use the fp32 model' : "try the method 'auto'"
  return new EngineError(
    'QUANTIZATION_REFUSED',
    `the quantized model strays too far: its vectors have a mean cosine of ${cosine.mean.toFixed(4)} to fp32 ` +
      `(worst ${cosine.worst.toFixed(4)}), expected at least ${LEAST_COSINE}; each kind by itself: ${each}. ${remedy}`,
    { details: { cosine, kinds } },
  )
}
