import { BrokerError } from '../../../base/errors.ts'
import { truncate } from '../../../base/text.ts'

type Schema = Readonly<Record<string, unknown>>
type Spend = (count: number) => void

/**
 * The maximum work for one value: values and characters that it holds, and names that are visited on the way. Without the
 * bound a small schema that refers to a long part of itself many times could cost minutes. A larger one is refused.
 */
const MAX_WORK = 100_000
const MAX_DEPTH = 50

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
 * enums, references inside the schema, bounds and formats, but not `pattern` and `not`. Throws `bad-request` for a schema
 * that has no small value.
 */
export function smallestJson(schema: unknown): unknown {
  let left = MAX_WORK
  const spend: Spend = (count) => {
    left -= count
    if (left < 0) throw tooLarge()
  }
  const repeat = (value: unknown) => {
    spend(JSON.stringify(value)?.length ?? 0)
    return value
  }

  const build = (given: unknown, depth: number): unknown => {
    spend(1)
    if (depth > MAX_DEPTH) throw tooLarge()
    if (!isSchema(given)) return {}
    const node = flatten(given, schema, depth, spend)
    if ('const' in node) return repeat(node['const'])
    if (Array.isArray(node['enum'])) return repeat(node['enum'][0])
    const choice = firstOf(node['anyOf'], spend) ?? firstOf(node['oneOf'], spend)
    if (choice !== undefined) return build({ ...without(node, 'anyOf', 'oneOf'), ...choice }, depth + 1)
    return builders[typeOf(node)](node, depth + 1)
  }

  const builders = {
    null: () => null,
    boolean: () => false,
    string: (node: Schema) => {
      const shortest = length(node['minLength'])
      spend(shortest)
      return example(node['format']).padEnd(shortest, 'x')
    },
    number: smallestNumber,
    integer: (node: Schema) => Math.ceil(smallestNumber({ multipleOf: 1, ...node })),
    array: (node: Schema, depth: number) => {
      const fixed = Array.isArray(node['prefixItems']) ? node['prefixItems'] : []
      const shortest = Math.max(length(node['minItems']), fixed.length)
      spend(shortest)
      return Array.from({ length: shortest }, (_, index) => build(fixed[index] ?? node['items'], depth))
    },
    object: (node: Schema, depth: number) => {
      const properties = isSchema(node['properties']) ? node['properties'] : {}
      return Object.fromEntries(
        listOf(node['required']).map((given) => {
          const name = String(given)
          spend(name.length)
          return [name, build(properties[name] ?? node['additionalProperties'], depth)]
        }),
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

/** Replaces references by their targets and merges the parts of `allOf`. */
function flatten(node: Schema, root: unknown, depth: number, spend: Spend): Schema {
  spend(1 + Object.keys(node).length)
  if (depth > MAX_DEPTH) throw tooLarge()
  const { $ref: reference, allOf: parts } = node
  if (typeof reference === 'string') {
    spend(reference.length)
    return flatten({ ...lookUp(reference, root), ...without(node, '$ref') }, root, depth + 1, spend)
  }
  if (!Array.isArray(parts)) return node
  spend(parts.length)
  const all = [...parts, without(node, 'allOf')].filter(isSchema)
  return joined(
    all.map((part) => flatten(part, root, depth + 1, spend)),
    spend,
  )
}

/** Merges all parts at once: merging one after the other would copy the earlier ones each time. */
function joined(parts: readonly Schema[], spend: Spend): Schema {
  for (const { properties, required } of parts)
    spend(Object.keys(properties ?? {}).length + listOf(required).length)
  return {
    ...Object.fromEntries(parts.flatMap((part) => Object.entries(part))),
    properties: Object.fromEntries(parts.flatMap(({ properties }) => Object.entries(properties ?? {}))),
    required: parts.flatMap(({ required }) => listOf(required)),
  }
}

function lookUp(reference: string, root: unknown): Schema {
  if (!reference.startsWith('#'))
    throw new BrokerError('bad-request', `“${truncate(reference)}” lies outside the schema`)
  let found: unknown = root
  for (const step of reference.split('/').slice(1)) {
    const name = decoded(step, reference).replaceAll('~1', '/').replaceAll('~0', '~')
    found = Object.hasOwn(Object(found), name) ? (found as Schema)[name] : undefined
  }
  if (!isSchema(found)) throw new BrokerError('bad-request', `“${truncate(reference)}” is not in the schema`)
  return found
}

function decoded(step: string, reference: string): string {
  try {
    return decodeURIComponent(step)
  } catch (cause) {
    throw new BrokerError('bad-request', `“${reference}” has a “%” that is not an escape`, { cause })
  }
}

/** The number closest to zero that is within the bounds and a multiple of `multipleOf`. */
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

function firstOf(choices: unknown, spend: Spend): Schema | undefined {
  return listOf(choices).find((choice): choice is Schema => {
    spend(1)
    return isSchema(choice)
  })
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** A lower bound of a length; a missing or negative one counts as 0. */
function length(value: unknown): number {
  return Math.max(0, number(value) ?? 0)
}

function example(format: unknown): string {
  return typeof format === 'string' && Object.hasOwn(FORMATS, format) ? (FORMATS[format] ?? '') : ''
}

function without(node: Schema, ...names: string[]): Schema {
  return Object.fromEntries(Object.entries(node).filter(([name]) => !names.includes(name)))
}

function tooLarge(): BrokerError {
  return new BrokerError('bad-request', 'no small JSON value fits this schema')
}
