import { ProtocolError } from '@modelcontextprotocol/server'

/** Marks arguments that revision 2026-07-28 also sends as a header, for proxies that route without reading bodies. */
const ANNOTATION = 'x-mcp-header'
const HEADER_MISMATCH = -32020
const DECIMAL = /^-?\d+(\.\d+)?$/
const SENTINEL = /^=\?base64\?(.*)\?=$/s
const CANONICAL_BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const MAX_DEPTH = 40

/** The error when a header of a call contradicts its argument: a proxy would have routed by a wrong value. */
export function paramHeaderMismatch(
  inputSchema: unknown,
  args: unknown,
  headers: Headers,
): ProtocolError | undefined {
  for (const { header, value } of annotated(inputSchema, args)) {
    if (value === undefined || value === null || typeof value === 'object') continue
    const given = headers.get(`mcp-param-${header}`)
    if (given !== null && isSame(decode(given), value)) continue
    const problem = given === null ? 'is missing' : 'differs from the body'
    return new ProtocolError(HEADER_MISMATCH, `the header Mcp-Param-${header} ${problem}`)
  }
  return undefined
}

interface Annotated {
  readonly header: string
  readonly value: unknown
}

/** The annotated properties; only properties reached through properties may be annotated. */
function annotated(schema: unknown, value: unknown, depth = 0): Annotated[] {
  const properties = isRecord(schema) && isRecord(schema['properties']) ? schema['properties'] : {}
  if (depth > MAX_DEPTH) return []
  return Object.entries(properties).flatMap(([key, property]) => {
    const own = isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined
    const header = isRecord(property) ? property[ANNOTATION] : undefined
    return [
      ...(typeof header === 'string' ? [{ header, value: own }] : []),
      ...annotated(property, own, depth + 1),
    ]
  })
}

/** Decodes a header value; `undefined` for invalid Base64. */
function decode(given: string): string | undefined {
  const encoded = SENTINEL.exec(given)?.[1]
  if (encoded === undefined) return given
  return CANONICAL_BASE64.test(encoded) ? Buffer.from(encoded, 'base64').toString('utf8') : undefined
}

function isSame(given: string | undefined, value: unknown): boolean {
  if (given === undefined) return false
  return typeof value === 'number' && DECIMAL.test(given) ? Number(given) === value : given === String(value)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
