/** The fields of one JSON Schema. */
type Fields = Readonly<Record<string, unknown>>

/** Names of types in other languages and in OpenAPI, and JSON Schema's. `any` says nothing. */
const TYPES: Readonly<Record<string, string | undefined>> = {
  str: 'string',
  text: 'string',
  int: 'integer',
  long: 'integer',
  float: 'number',
  double: 'number',
  decimal: 'number',
  bool: 'boolean',
  list: 'array',
  dict: 'object',
  map: 'object',
  any: undefined,
}
/** Combinations, which providers refuse beside the `type: object` of a tool's arguments. */
const COMBINATIONS = ['allOf', 'anyOf', 'oneOf'] as const

/**
 * The fields of one schema as providers take them; what cannot be kept is left out, so that the schema allows more, as the server
 * itself checks its arguments. Mended are: types by another name (`int`, `STRING`), arrays without `items` and with a list of
 * them, empty `enum`s, properties that are `true` or `false`, `required` of names that no property has, and bounds of draft 4.
 * Sources: https://github.com/digitalocean-labs/mcp-digitalocean/issues/265 (items),
 * https://github.com/nspady/google-calendar-mcp/issues/134 (types), read in 2026-12.
 */
export function repairedFields(fields: Fields): Fields {
  const { type, items, enum: values, required, properties, ...rest } = fields
  const known = propertiesOf(properties)
  return {
    ...withoutBooleanBounds(rest),
    ...typeOf(type),
    ...itemsOf(type, items),
    ...(Array.isArray(values) && values.length > 0 && { enum: values }),
    ...(known !== undefined && { properties: known }),
    ...requiredOf(required, COMBINATIONS.some((name) => name in fields) ? undefined : known),
  }
}

/**
 * The schema of arguments without a combination at its top, which Anthropic and OpenAI refuse: the properties of all branches are
 * properties, and required is what every branch requires, or any of `allOf`.
 * Source: https://github.com/anthropics/claude-code/issues/27337, read in 2026-12.
 */
export function withoutTopCombination(schema: Fields): Fields {
  const { allOf, anyOf, oneOf, not: _not, enum: _enum, ...own } = schema
  const all = branchesOf(allOf)
  const alternatives = [branchesOf(anyOf), branchesOf(oneOf)]
  const branches = [...all, ...alternatives.flat()]
  const properties = Object.assign({}, ...branches.map(ownProperties), ownProperties(own)) as Fields
  const required = [own, ...all].flatMap(requiredNames).concat(...alternatives.map(requiredByEach))
  return { ...own, properties, ...requiredOf([...new Set(required)], properties) }
}

function withoutBooleanBounds(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([name, value]) => !name.startsWith('exclusive') || typeof value === 'number',
    ),
  )
}

function typeOf(type: unknown): Fields {
  if (Array.isArray(type)) {
    const types = [...new Set(type.map(typeName).filter((name) => name !== undefined))]
    return types.length === 0 ? {} : { type: types.length === 1 ? types[0] : types }
  }
  const name = typeName(type)
  return name === undefined ? {} : { type: name }
}

function typeName(type: unknown): string | undefined {
  if (typeof type !== 'string' || type === '') return undefined
  const name = type.toLowerCase()
  return Object.hasOwn(TYPES, name) ? TYPES[name] : name
}

function itemsOf(type: unknown, items: unknown): Fields {
  if (Array.isArray(items)) return { items: items.length === 0 ? {} : { anyOf: items } }
  if (isFields(items)) return { items }
  const types: unknown[] = Array.isArray(type) ? type : [type]
  return types.map(typeName).includes('array') ? { items: {} } : {}
}

function propertiesOf(properties: unknown): Fields | undefined {
  if (!isFields(properties)) return undefined
  const allowed = Object.entries(properties).filter(([, schema]) => schema !== false)
  return Object.fromEntries(allowed.map(([name, schema]) => [name, isFields(schema) ? schema : {}]))
}

/** A list of names; in draft 3 it is a boolean of the property. Without `properties` any name may be one. */
function requiredOf(required: unknown, properties: Fields | undefined): Fields {
  if (!Array.isArray(required)) return {}
  const names = required.filter(
    (name) => typeof name === 'string' && (properties === undefined || Object.hasOwn(properties, name)),
  )
  return names.length === 0 ? {} : { required: [...new Set(names)] }
}

function branchesOf(branches: unknown): readonly Fields[] {
  return Array.isArray(branches) ? branches.filter(isFields) : []
}

function ownProperties({ properties }: Fields): Fields {
  return isFields(properties) ? properties : {}
}

function requiredNames({ required }: Fields): readonly string[] {
  return Array.isArray(required) ? required.filter((name): name is string => typeof name === 'string') : []
}

function requiredByEach(branches: readonly Fields[]): readonly string[] {
  const [first, ...others] = branches.map(requiredNames)
  return (first ?? []).filter((name) => others.every((names) => names.includes(name)))
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
