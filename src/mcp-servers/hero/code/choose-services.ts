import type { KnownService } from '../services/service-registry.ts'

/** The limit of all interfaces together; longer ones would crowd out the intent. */
const MAX_CHARS = 80_000

/** Chooses services for an intent: the one that shares the most words with it, and as many others as fit. */
export function chooseServices(intent: string, known: readonly KnownService[]): KnownService[] {
  const words = new Set(wordsOf(intent))
  const score = (one: KnownService) => wordsOf(one.interface).filter((word) => words.has(word)).length
  const ranked = known
    .map((one) => ({ one, score: score(one) }))
    .toSorted((a, b) => b.score - a.score)
    .map(({ one }) => one)
  let left = MAX_CHARS
  return ranked.filter((one, at) => {
    left -= one.interface.length
    return at === 0 || left >= 0
  })
}

/** The lower-case words of a text; words of up to three letters are ignored. */
function wordsOf(text: string): string[] {
  return text
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word.length > 3)
}
