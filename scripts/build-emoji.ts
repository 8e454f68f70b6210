/**
 * Builds `data/emoji/emoji.jsonl`, the demo collection, from the npm packages emojibase-data and @twemoji/svg.
 * The same package versions give the same bytes.
 *
 *   npx tsx scripts/build-emoji.ts
 *
 * Left out: skin-tone variants, components (skin tones, hair styles, regional indicators) and the few emoji that are
 * newer than the pictures.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import sharp from 'sharp'

interface Emoji {
  hexcode: string
  emoji: string
  label: string
  tags?: string[]
  group?: number
  subgroup?: number
  order?: number
  version: number
}

interface Messages {
  groups: { key: string; message: string; order: number }[]
  subgroups: { key: string; message: string; order: number }[]
}

const COMPONENTS = 2
const PIXELS = 72

const require = createRequire(import.meta.url)
const english = require('emojibase-data/en/data.json') as Emoji[]
const japanese = new Map(
  (require('emojibase-data/ja/data.json') as Emoji[]).map((entry) => [entry.hexcode, entry]),
)
const messages = require('emojibase-data/en/messages.json') as Messages
const groups = new Map(messages.groups.map((group) => [group.order, group.message]))
const subgroups = new Map(messages.subgroups.map((subgroup) => [subgroup.order, subgroup.message]))
const pictures = dirname(require.resolve('@twemoji/svg/package.json'))

const lines: string[] = []
const without: string[] = []
let pictureBytes = 0
for (const entry of english.filter(isBase).sort((a, b) => orderOf(a) - orderOf(b))) {
  const svg = pictureOf(entry)
  if (svg === undefined) {
    without.push(entry.emoji)
    continue
  }
  const png = await sharp(readFileSync(svg), { density: 2 * PIXELS })
    .resize(PIXELS, PIXELS)
    .png({ palette: true, quality: 80, effort: 10 })
    .toBuffer()
  pictureBytes += png.length
  const translated = japanese.get(entry.hexcode)
  if (translated === undefined) throw new Error(`${entry.hexcode} has no Japanese label`)
  lines.push(
    JSON.stringify({
      id: entry.hexcode,
      text: textOf(entry),
      metadata: {
        emoji: entry.emoji,
        label: entry.label,
        labelJa: translated.label,
        tags: entry.tags ?? [],
        tagsJa: translated.tags ?? [],
        group: groups.get(entry.group as number),
        subgroup: subgroups.get(entry.subgroup as number),
        version: entry.version,
      },
      image: png.toString('base64'),
    }),
  )
}

const file = join(import.meta.dirname, '../data/emoji/emoji.jsonl')
const content = `${lines.join('\n')}\n`
mkdirSync(dirname(file), { recursive: true })
writeFileSync(file, content)
console.log(
  `${lines.length} emoji, ${Buffer.byteLength(content)} bytes, of which pictures ${pictureBytes} before base64`,
)
console.log(`${without.length} without a picture, left out: ${without.join(' ')}`)

function isBase(entry: Emoji): boolean {
  return entry.group !== undefined && entry.group !== COMPONENTS
}

function orderOf(entry: Emoji): number {
  return entry.order ?? Number.MAX_SAFE_INTEGER
}

/**
 * What is encoded: `nauseated face (unwell). gross, nasty, sick, vomit`, without tags that the label says already.
 * English only: Japanese words in the same text cost the English encoder a tenth of its first answers (see
 * data/emoji/README.md), so they stay in the metadata.
 */
function textOf(entry: Emoji): string {
  const said = new Set(entry.label.toLowerCase().split(/[^\p{L}\p{N}]+/u))
  const tags = (entry.tags ?? []).filter((tag) => !said.has(tag.toLowerCase()))
  const head = `${entry.label} (${subgroups.get(entry.subgroup as number)})`
  return tags.length === 0 ? head : `${head}. ${tags.join(', ')}`
}

/** Twemoji names files by code points; U+FE0F is left out of some. */
function pictureOf(entry: Emoji): string | undefined {
  const points = [...entry.emoji].map((character) => (character.codePointAt(0) as number).toString(16))
  const names = [points, points.filter((point) => point !== 'fe0f')].map((name) =>
    join(pictures, `${name.join('-')}.svg`),
  )
  return names.find((name) => existsSync(name))
}
