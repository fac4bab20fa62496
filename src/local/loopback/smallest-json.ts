import { BrokerError } from '../../base/errors.ts'
import { shortName } from '../../base/short-name.ts'

type Schema = Readonly<Record<string, unknown>>

/** Values and characters that one answer may hold; a schema that needs more is refused. */
const LARGEST = 10_000
const DEEPEST = 50

/** A value for each `format` that a plain string would violate. */
const FORMATS: Readonly<Record<string, string>> = {
  'date-time': '2000-01-01T00:00:00Z',
  date: '2000-01-01',
  time: '00:00:00Z',
  duration: 'PT0S',
  email: 'a@example.com',
  hostname: 'example.com',
  ipv4: '127.0.0.1',
  ipv6: '::1',
  uri: 'http://example.com/',
  url: 'http://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
}

/**
 * The smallest value that a JSON Schema allows: required properties only, empty strings, zeros. It honours constants,
 * enums, references inside the schema, bounds and formats, not `pattern` or `not`. Throws `bad-request` for a schema
 * that has no small value.
 */
export function smallestJson(schema: unknown): unknown {
  let left = LARGEST
  const spend = (count: number) => {
    left -= count
    if (left < 0) throw tooLarge()
  }

  const build = (given: unknown, depth: number): unknown => {
    spend(1)
    if (depth > DEEPEST) throw tooLarge()
    if (!isSchema(given)) return {}
    const node = flatten(given, schema, depth, spend)
    if ('const' in node) return node['const']
    if (Array.isArray(node['enum'])) return node['enum'][0]
    const choice = firstOf(node['anyOf']) ?? firstOf(node['oneOf'])
    if (choice !== undefined) return build({ ...without(node, 'anyOf', 'oneOf'), ...choice }, depth + 1)
    return builders[typeOf(node)](node, depth + 1)
  }

  const builders = {
    null: () => null,
    boolean: () => false,
    string: (node: Schema) => {
      const shortest = number(node['minLength']) ?? 0
      spend(shortest)
      return (FORMATS[String(node['format'])] ?? '').padEnd(shortest, 'x')
    },
    number: smallestNumber,
    integer: (node: Schema) => Math.ceil(smallestNumber({ multipleOf: 1, ...node })),
    array: (node: Schema, depth: number) => {
      const fixed = Array.isArray(node['prefixItems']) ? node['prefixItems'] : []
      const length = Math.max(number(node['minItems']) ?? 0, fixed.length)
      spend(length)
      return Array.from({ length }, (_, index) => build(fixed[index] ?? node['items'], depth))
    },
    object: (node: Schema, depth: number) => {
      const properties = isSchema(node['properties']) ? node['properties'] : {}
      const required = Array.isArray(node['required']) ? node['required'].map(String) : []
      return Object.fromEntries(
        required.map((name) => [name, build(properties[name] ?? node['additionalProperties'], depth)]),
      )
    },
  }

  return build(schema, 0)
}

type Type = 'null' | 'boolean' | 'string' | 'number' | 'integer' | 'array' | 'object'
const TYPES: readonly string[] = ['null', 'boolean', 'string', 'number', 'integer', 'array', 'object']

function typeOf(node: Schema): Type {
  const stated: unknown = Array.isArray(node['type']) ? node['type'][0] : node['type']
  if (typeof stated === 'string' && TYPES.includes(stated)) return stated as Type
  if ('items' in node || 'prefixItems' in node) return 'array'
  return 'object'
}

/** References replaced by what they name, and the parts of `allOf` joined into one. */
function flatten(node: Schema, root: unknown, depth: number, spend: (count: number) => void): Schema {
  spend(1)
  if (depth > DEEPEST) throw tooLarge()
  if (typeof node['$ref'] === 'string') {
    const target = lookUp(node['$ref'], root)
    return flatten({ ...target, ...without(node, '$ref') }, root, depth + 1, spend)
  }
  const parts = node['allOf']
  if (!Array.isArray(parts)) return node
  return [...parts, without(node, 'allOf')].filter(isSchema).reduce<Schema>((joined, part) => {
    const flat = flatten(part, root, depth + 1, spend)
    return {
      ...joined,
      ...flat,
      properties: { ...(joined['properties'] as object), ...(flat['properties'] as object) },
      required: [...listOf(joined['required']), ...listOf(flat['required'])],
    }
  }, {})
}

function lookUp(reference: string, root: unknown): Schema {
  if (!reference.startsWith('#'))
    throw new BrokerError('bad-request', `“${shortName(reference)}” lies outside the schema`)
  let found: unknown = root
  for (const step of reference.split('/').slice(1)) {
    const name = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
    found = Object.entries(found ?? {}).find(([key]) => key === name)?.[1]
  }
  if (!isSchema(found)) throw new BrokerError('bad-request', `“${shortName(reference)}” is not in the schema`)
  return found
}

/** The number closest to zero, from below where it can, that keeps the bounds and is a multiple. */
function smallestNumber(node: Schema): number {
  const step = number(node['multipleOf'])
  const above = number(node['exclusiveMinimum'])
  const below = number(node['exclusiveMaximum'])
  const nudge = step ?? (above !== undefined && below !== undefined ? (below - above) / 2 : 1)
  const lowest = Math.max(
    number(node['minimum']) ?? -Infinity,
    above === undefined ? -Infinity : above + nudge,
  )
  const highest = Math.min(
    number(node['maximum']) ?? Infinity,
    below === undefined ? Infinity : below - nudge,
  )
  if (lowest > 0) return step === undefined ? lowest : Math.ceil(lowest / step) * step
  if (highest < 0) return step === undefined ? highest : Math.floor(highest / step) * step
  return 0
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function firstOf(choices: unknown): Schema | undefined {
  return Array.isArray(choices) ? choices.find(isSchema) : undefined
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

function without(node: Schema, ...names: string[]): Schema {
  return Object.fromEntries(Object.entries(node).filter(([name]) => !names.includes(name)))
}

function tooLarge(): BrokerError {
  return new BrokerError('bad-request', 'no small JSON value fits this schema')
}
