type Expected = 'value' | 'value or ]' | 'name' | 'name or }' | ':' | ', or the end' | 'nothing more'

/** White space, followed by punctuation, a quote or a literal. */
const TOKEN =
  /[ \t\r\n]*(?:([{}[\]:,"])|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)(?!\w))/y
/** Tried alternately with `ESCAPE`, so that the time is linear in the length of a string. */
const PLAIN_CHARACTERS = /[^"\\\u0000-\u001f]*/y
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

/**
 * Explains where and why a text is not JSON: `line 2, column 7: a value is expected`. V8's own message often omits the place
 * and quotes the caller's text instead. Only for texts that `JSON.parse` refused.
 */
export function explainJsonError(text: string): string {
  const { at, expected } = locateError(text)
  const lines = text.slice(0, at).split('\n')
  const place = `line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`
  if (at >= text.length) return `${place}: it ends too early, ${phrase(expected)}`
  return `${place}: ${phrase(expected)}`
}

function phrase(expected: Expected): string {
  if (expected === 'nothing more') return 'there is something after the end of the object'
  return expected === 'value' || expected === 'name' ? `a ${expected} is expected` : `expected ${expected}`
}

/** Scans the tokens and keeps only the open brackets: deep nesting uses no stack. */
function locateError(text: string): { at: number; expected: Expected } {
  const open: ('{' | '[')[] = []
  let expected: Expected = 'value'
  let at = 0
  for (;;) {
    TOKEN.lastIndex = at
    const match = TOKEN.exec(text)
    const next: Expected | undefined =
      match === null ? undefined : step(expected, match[1] ?? 'literal', open)
    const to = match?.[1] === '"' ? afterString(text, TOKEN.lastIndex) : TOKEN.lastIndex
    if (next === undefined || to === undefined) return { at: afterSpace(text, at), expected }
    at = to
    expected = next
  }
}

/** What may follow this token; `undefined` when the token itself is not allowed here. Updates `open`. */
function step(expected: Expected, token: string, open: ('{' | '[')[]): Expected | undefined {
  switch (token) {
    case '{':
    case '[':
      if (!expected.startsWith('value')) return undefined
      open.push(token)
      return token === '{' ? 'name or }' : 'value or ]'
    case '}':
    case ']':
      if (expected !== ', or the end' && !expected.endsWith(token)) return undefined
      if (open.pop() !== (token === '}' ? '{' : '[')) return undefined
      return afterValue(open)
    case ':':
      return expected === ':' ? 'value' : undefined
    case ',':
      if (expected !== ', or the end') return undefined
      return open.at(-1) === '{' ? 'name' : 'value'
    default:
      if (expected.startsWith('name')) return token === '"' ? ':' : undefined
      return expected.startsWith('value') ? afterValue(open) : undefined
  }
}

function afterValue(open: readonly string[]): Expected {
  return open.length === 0 ? 'nothing more' : ', or the end'
}

/** The position after the closing quote of a string; `undefined` when it is not closed or contains an invalid character. */
function afterString(text: string, from: number): number | undefined {
  let at = from
  for (;;) {
    PLAIN_CHARACTERS.lastIndex = at
    PLAIN_CHARACTERS.test(text)
    if (text[PLAIN_CHARACTERS.lastIndex] === '"') return PLAIN_CHARACTERS.lastIndex + 1
    ESCAPE.lastIndex = PLAIN_CHARACTERS.lastIndex
    if (!ESCAPE.test(text)) return undefined
    at = ESCAPE.lastIndex
  }
}

function afterSpace(text: string, from: number): number {
  let at = from
  while (' \t\r\n'.includes(text[at] ?? 'x')) at++
  return at
}
