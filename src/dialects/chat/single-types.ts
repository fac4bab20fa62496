import { isObject } from '../../wire/json/json-body.ts'

type Fields = Readonly<Record<string, unknown>>

/** Keywords that say something of one type only. */
const OF_TYPE: Readonly<Record<string, string>> = {
  items: 'array',
  prefixItems: 'array',
  minItems: 'array',
  maxItems: 'array',
  properties: 'object',
  required: 'object',
  additionalProperties: 'object',
}
/** Keywords whose values are schemas by name. */
const NAMED: ReadonlySet<string> = new Set(['properties', 'patternProperties', '$defs', 'definitions'])
/** Keywords whose values are data. */
const DATA: ReadonlySet<string> = new Set(['enum', 'const', 'default', 'examples', 'required'])

/**
 * One schema, not those inside it, whose list of types is written as `anyOf` with a schema for each type; the same object when its
 * `type` is no list. Beside an `anyOf` of its own the list is left out, so that the schema allows more.
 */
export function withSingleType(schema: Fields): Fields {
  const { type, ...rest } = schema
  if (!Array.isArray(type)) return schema
  const types: readonly unknown[] = type
  if (types.length === 1) return { ...rest, type: types[0] }
  if (types.length === 0 || 'anyOf' in rest) return rest
  const own = Object.entries(rest)
  const outer = own.filter(([name]) => !Object.hasOwn(OF_TYPE, name))
  const inner = (of: unknown): Fields => Object.fromEntries(own.filter(([name]) => OF_TYPE[name] === of))
  return { ...Object.fromEntries(outer), anyOf: types.map((each) => ({ type: each, ...inner(each) })) }
}

/** A whole schema without lists of types. */
export function withSingleTypes(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withSingleTypes)
  if (!isObject(schema)) return schema
  const inside = Object.entries(schema).map(([name, value]) => [name, ofMember(name, value)] as const)
  return withSingleType(Object.fromEntries(inside))
}

function ofMember(name: string, value: unknown): unknown {
  if (DATA.has(name)) return value
  if (!NAMED.has(name) || !isObject(value)) return withSingleTypes(value)
  return Object.fromEntries(Object.entries(value).map(([key, schema]) => [key, withSingleTypes(schema)]))
}
