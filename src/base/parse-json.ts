/**
 * Texts with more levels of brackets are refused; real ones have fewer than a hundred. V8's parser (Node 26.10) ends the
 * process with “unreachable code” at a syntax error some 8,000 levels deep, which is 24 KB of `[1,[1,`.
 */
export const MAX_JSON_DEPTH = 2048

/**
 * Texts with more lists, objects and strings are refused: 64 MB of `{},` would become gigabytes. Numbers don't count, for
 * embeddings consist of millions of them.
 */
export const MAX_JSON_PARTS = 1_000_000

/** The engine's own parser, for texts that are known to be within both bounds. */
export const parseBounded: typeof JSON.parse = JSON.parse

/** `JSON.parse` that refuses texts beyond `MAX_JSON_DEPTH` or `MAX_JSON_PARTS`. Throws `SyntaxError`. */
export const parseJson: typeof JSON.parse = (text, reviver) => {
  // Each level takes at least one character. A value that is no string is converted by the parser itself.
  const excess = typeof text === 'string' && text.length > MAX_JSON_DEPTH ? excessOf(text) : undefined
  if (excess !== undefined) throw new SyntaxError(`JSON with ${excess} is not read`)
  return parseBounded(text, reviver) as unknown
}

/** Replaces `JSON.parse` by `parseJson` in the whole process, so that libraries that parse foreign input are bounded too. */
export function guardJsonParse(): void {
  JSON.parse = parseJson
}

export const QUOTE = 0x22
export const BACKSLASH = 0x5c

/** The bound that a text exceeds. Brackets are counted as a parser does up to the first syntax error, and no parser reads beyond that. */
function excessOf(json: string): string | undefined {
  const bounds = new JsonBounds()
  for (let at = 0; at < json.length;) at = bounds.afterValue(json, at)
  return bounds.excess
}

/** Scans JSON and counts levels and parts; when a bound is exceeded it jumps to the end. */
export class JsonBounds {
  #parts = 0
  /** `more than 2048 levels`; `undefined` as long as the text is within the bounds. */
  excess: string | undefined

  /** The index after the list, object or string that starts at `from`, or after the single character there. */
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
    if (deepest > MAX_JSON_DEPTH) this.excess = `more than ${MAX_JSON_DEPTH} levels`
    if (this.#parts > MAX_JSON_PARTS) this.excess ??= `more than ${MAX_JSON_PARTS} strings, lists and objects`
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
