/**
 * Levels of brackets beyond which nothing is parsed; nobody needs a hundred. V8's parser (Node 26.10) ends the process with
 * “unreachable code” where a text goes wrong some 8,000 levels down, which is 24 KB of `[1,[1,`.
 */
export const MOST_DEPTH = 2048

/** The engine's own parser, for texts that are known to be shallower than `MOST_DEPTH`. */
export const parseShallow: typeof JSON.parse = JSON.parse

/** `JSON.parse` that refuses what nests deeper than `MOST_DEPTH`. Throws `SyntaxError`. */
export const parseJson: typeof JSON.parse = (text, reviver) => {
  // Each level takes a letter at least. Whatever else is given becomes text in the parser.
  if (typeof text === 'string' && text.length > MOST_DEPTH && nestsTooDeep(text))
    throw new SyntaxError(`JSON that nests more than ${MOST_DEPTH} levels deep is not read`)
  return parseShallow(text, reviver) as unknown
}

/** For a whole process, libraries included: whoever parses what somebody else wrote parses it with `parseJson`. */
export function guardJsonParse(): void {
  JSON.parse = parseJson
}

const QUOTE = 0x22
export const BACKSLASH = 0x5c

/** Until the first fault brackets are counted as a parser counts them, and behind it no parser goes. */
function nestsTooDeep(json: string): boolean {
  let depth = 0
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at)
    if (code === QUOTE) at = afterString(json, at) - 1
    else if (isOpening(code)) {
      if (++depth > MOST_DEPTH) return true
    } else if (isClosing(code)) depth--
  }
  return false
}

/** `{` or `[`. */
export function isOpening(code: number): boolean {
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
