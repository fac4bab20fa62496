/**
 * Levels of brackets beyond which nothing is parsed; nobody needs a hundred. V8's parser (Node 26.10) ends the process with
 * “unreachable code” where a text goes wrong some 8,000 levels down, which is 24 KB of `[1,[1,`.
 */
export const MOST_DEPTH = 2048

/**
 * Lists, objects and strings beyond which nothing is parsed: 64 MB of `{},` would become gigabytes. Numbers don't count, for
 * embeddings are millions of them.
 */
export const MOST_PARTS = 1_000_000

/** The engine's own parser, for texts that are known to keep to both bounds. */
export const parseBounded: typeof JSON.parse = JSON.parse

/** `JSON.parse` that refuses what is beyond `MOST_DEPTH` or `MOST_PARTS`. Throws `SyntaxError`. */
export const parseJson: typeof JSON.parse = (text, reviver) => {
  // Each level takes a letter at least. Whatever else is given becomes text in the parser.
  const excess = typeof text === 'string' && text.length > MOST_DEPTH ? excessOf(text) : undefined
  if (excess !== undefined) throw new SyntaxError(`JSON with ${excess} is not read`)
  return parseBounded(text, reviver) as unknown
}

/** For a whole process, libraries included: whoever parses what somebody else wrote parses it with `parseJson`. */
export function guardJsonParse(): void {
  JSON.parse = parseJson
}

export const QUOTE = 0x22
export const BACKSLASH = 0x5c

/** Until the first fault brackets are counted as a parser counts them, and behind it no parser goes. */
function excessOf(json: string): string | undefined {
  const bounds = new JsonBounds()
  for (let at = 0; at < json.length;) at = bounds.afterValue(json, at)
  return bounds.excess
}

/** Goes through JSON and counts what there is a bound for; beyond one it jumps to the end. */
export class JsonBounds {
  #parts = 0
  /** `more than 2048 levels`; `undefined` as long as it keeps to the bounds. */
  excess: string | undefined

  /** The index behind the list, the object or the string that opens at `from`, or behind a single letter. */
  afterValue(json: string, from: number): number {
    let depth = 0
    let deepest = 0
    let parts = 0
    let at = from
    do {
      const code = json.charCodeAt(at)
      if (code === QUOTE) {
        parts++
        at = afterString(json, at)
        continue
      }
      if (isOpening(code)) {
        parts++
        if (++depth > deepest) deepest = depth
      } else if (isClosing(code)) depth--
      at++
    } while (depth > 0 && at < json.length)
    this.#parts += parts
    if (deepest > MOST_DEPTH) this.excess = `more than ${MOST_DEPTH} levels`
    if (this.#parts > MOST_PARTS) this.excess ??= `more than ${MOST_PARTS} strings, lists and objects`
    return this.excess === undefined ? at : json.length
  }
}

/** `{` or `[`. */
function isOpening(code: number): boolean {
  return code === 0x7b || code === 0x5b
}

/** `}` or `]`. */
export function isClosing(code: number): boolean {
  return code === 0x7d || code === 0x5d
}

/** The index after the closing quote of the string that opens at `from`. */
export function afterString(json: string, from: number): number {
  let at = from + 1
  for (;;) {
    const quote = json.indexOf('"', at)
    if (quote === -1) return json.length
    let slashes = 0
    while (json.charCodeAt(quote - 1 - slashes) === BACKSLASH) slashes++
    if (slashes % 2 === 0) return quote + 1
    at = quote + 1
  }
}
