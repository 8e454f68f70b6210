/**
 * English words that say how a sentence is built and not what it is about: articles, pronouns, auxiliaries, question
 * words, conjunctions and the commonest prepositions, from the stop list of the Snowball project. Left out of it is
 * what tells things apart: up, down, over, under, off, no, not, before, after, more, most, same, own and the like.
 */
export const STOP_WORDS: ReadonlySet<string> = new Set(
  (
    'a an the this that these those ' +
    'i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself ' +
    'it its itself they them their theirs themselves what which who whom whose when where why how ' +
    'am is are was were be been being have has had having do does did doing would should could ought will shall can ' +
    'may might must im ive youre hes shes theyre dont doesnt didnt isnt arent wasnt werent cant couldnt wont wouldnt ' +
    'and but if or because as so than then there here of at by for with about into to from in on such'
  ).split(' '),
)
