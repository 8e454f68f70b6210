import type { Random } from '../core/random.js'

/**
 * Words of many walks of life that have nothing to do with each other: what a query that means nothing is made of when a
 * collection is calibrated. Written down for this purpose, from no collection.
 */
export const UNRELATED_WORDS: readonly string[] = (
  'acorn admiral album alibi alloy almond amber anchor anvil apron archive armchair ashtray asphalt auction autumn ' +
  'avalanche badger bagpipe bakery balcony ballot banker banquet barley barrel basement bassoon beacon bedroom beggar ' +
  'belfry biscuit blizzard blouse boredom bracelet bribery bucket budget buffalo burglar butler cabbage calendar candle ' +
  'canoe captain caravan carpet cathedral cavalry ceiling census chandelier charcoal chess chimney choir cinnamon ' +
  'circus clergy clockwork clover cobbler coconut colony comedy compass congress copper corridor cottage courtroom ' +
  'cradle cricket crocodile curtain custody dagger daisy debtor deck defeat delegate desert diamond dictator diploma ' +
  'ditch divorce donkey dormitory drawer drought dungeon dynasty easel eclipse elbow election embassy emerald envelope ' +
  'equator escalator estate eviction fable falcon famine farewell feather ferry fiddle fireplace flagpole flour folklore ' +
  'forgery fountain fraud freight frost funeral furnace galaxy gallery gamble garlic gazette giraffe glacier goblet ' +
  'gossip governor granite grammar gravel greenhouse guitar gypsum hammock harbor harvest hatchet hedge heirloom helmet ' +
  'hermit hockey honey horizon hostage hurricane hymn iceberg idiom infantry inheritance insult irony ivory jacket ' +
  'jealous jewel journal jury kettle keyhole kingdom kitten knitting laborer lace lagoon landlord lantern lawsuit legend ' +
  'lemon librarian lighthouse lottery lullaby lumber luggage magician mansion marathon marble market mayor meadow ' +
  'merchant mermaid meteor midnight militia mineral miracle monastery monsoon mortgage mosaic mosquito mustard mutiny ' +
  'mystery narrator necklace nephew nickel nomad nostalgia notebook nutmeg oasis oatmeal obituary olive opera orchard ' +
  'orphan outlaw oyster paddle palace parade parliament parrot pasture patent peasant pebble penguin pension pepper ' +
  'perfume pilgrim pillow piracy plaster plumber poetry police porcelain portrait postage pottery prairie preacher ' +
  'prison proverb pumpkin puppet pyramid quarrel quilt rabbit racket railway raisin ransom rebel recipe refugee rehearsal ' +
  'ribbon riddle robbery rooster rumor saddle sailor sapphire satire sausage scandal scarf scissors sculptor senator ' +
  'sermon shepherd shipwreck silk skeleton sonnet spider squirrel stadium statue strike suburb sultan sunrise swamp ' +
  'tailor tariff tavern teapot temple tenant thunder tobacco tombstone tourist tractor traitor treaty trumpet tulip ' +
  'tunnel umbrella uncle uniform valley vampire velvet verdict veteran village vinegar violin volcano voter voyage ' +
  'waiter walnut warrior wedding weather whisper widow willow window witness wizard worship wrestler yacht zebra zodiac'
).split(' ')

/** Queries that mean nothing: two to ten {@link UNRELATED_WORDS} in a row. */
export function unrelatedQueries(count: number, random: Random): string[] {
  const word = (): string => UNRELATED_WORDS[random.int(UNRELATED_WORDS.length)] ?? ''
  return Array.from({ length: count }, () => Array.from({ length: 2 + random.int(9) }, word).join(' '))
}
