type Expected = 'value' | 'value or ]' | 'name' | 'name or }' | ':' | ', or the end' | 'nothing more'

const TOKEN =
  /[ \t\r\n]*(?:([{}[\]:,])|"(?:[^"\\\u0000-\u001f]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*(")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)(?!\w)))/y

/**
 * Where and why a text is no JSON: `line 2, column 7: a value is expected`. V8's own message often leaves the place
 * out and quotes the caller's text instead. Only for texts that `JSON.parse` refused.
 */
export function explainJsonFault(text: string): string {
  const { at, expected } = findFault(text)
  const lines = text.slice(0, at).split('\n')
  const place = `line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`
  if (at >= text.length) return `${place}: it ends too early, ${phrase(expected)}`
  return `${place}: ${phrase(expected)}`
}

function phrase(expected: Expected): string {
  if (expected === 'nothing more') return 'there is something after the end of the object'
  return expected === 'value' || expected === 'name' ? `a ${expected} is expected` : `expected ${expected}`
}

/** A walk over the tokens that keeps only the open brackets: deep nesting costs no stack. */
function findFault(text: string): { at: number; expected: Expected } {
  const open: ('{' | '[')[] = []
  let expected: Expected = 'value'
  let at = 0
  for (;;) {
    TOKEN.lastIndex = at
    const match = TOKEN.exec(text)
    const next: Expected | undefined = match === null ? undefined : step(expected, match, open)
    if (match === null || next === undefined) return { at: afterSpace(text, at), expected }
    at = TOKEN.lastIndex
    expected = next
  }
}

/** What may come after this token; `undefined` when the token itself may not come here. Keeps `open` up to date. */
function step(expected: Expected, match: RegExpExecArray, open: ('{' | '[')[]): Expected | undefined {
  const token = match[1] ?? (match[2] === undefined ? 'literal' : 'string')
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
      if (expected.startsWith('name')) return token === 'string' ? ':' : undefined
      return expected.startsWith('value') ? afterValue(open) : undefined
  }
}

function afterValue(open: readonly string[]): Expected {
  return open.length === 0 ? 'nothing more' : ', or the end'
}

function afterSpace(text: string, from: number): number {
  let at = from
  while (' \t\r\n'.includes(text[at] ?? 'x')) at++
  return at
}
