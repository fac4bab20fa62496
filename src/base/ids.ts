const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const TAIL_LENGTH = 20
/** Bytes from here on would favour the first letters, so they are thrown away. */
const FAIR_LIMIT = 256 - (256 % ALPHABET.length)

const pool = new Uint8Array(4096)
let next = pool.length

/** A generation id as OpenRouter writes it: `gen-<unix seconds>-<20 letters and digits>`, from the system's randomness. */
export function generationId(nowMs: number): string {
  return `gen-${Math.floor(nowMs / 1000)}-${randomLetters(TAIL_LENGTH)}`
}

/** `count` letters and digits, unguessable. One call to the system serves some two hundred ids. */
export function randomLetters(count: number): string {
  let letters = ''
  while (letters.length < count) {
    if (next === pool.length) {
      crypto.getRandomValues(pool)
      next = 0
    }
    const byte = pool[next++] ?? 0
    if (byte < FAIR_LIMIT) letters += ALPHABET[byte % ALPHABET.length]
  }
  return letters
}
