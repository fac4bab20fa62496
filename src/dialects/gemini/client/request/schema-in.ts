import { isObject } from '../../../../wire/json/json-body.ts'
import type { Fields } from '../../../chat-vocabulary.ts'

/** Numbers of 64 bits, which Google's JSON may write as strings. */
const COUNTS = new Set(['minItems', 'maxItems', 'minLength', 'maxLength', 'minProperties', 'maxProperties'])
/** Members whose values are schemas, lists of schemas, or schemas by name. */
const SCHEMAS = new Set(['items', 'additionalProperties', 'not', 'contains', 'propertyNames'])
const LISTS = new Set(['anyOf', 'oneOf', 'allOf', 'prefixItems'])
const NAMED = new Set(['properties', 'patternProperties', '$defs', 'defs', 'definitions'])
/** Of Google's own subset of OpenAPI; no other vendor knows them. */
const OWN = new Set(['nullable', 'propertyOrdering'])

/** Google's Schema as JSON Schema: types in lower case, `nullable` as a type, counts as numbers. */
export function jsonSchemaOf(schema: unknown): unknown {
  if (!isObject(schema)) return schema
  const written: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(schema))
    if (!OWN.has(name)) written[name] = memberOf(name, value)
  if (typeof written['format'] === 'string' && written['format'] === 'enum') delete written['format']
  return schema['nullable'] === true ? nullable(written) : written
}

function memberOf(name: string, value: unknown): unknown {
  if (name === 'type') return typeOf(value)
  if (COUNTS.has(name) && typeof value === 'string' && /^\d+$/.test(value)) return Number(value)
  if (SCHEMAS.has(name)) return jsonSchemaOf(value)
  if (LISTS.has(name) && Array.isArray(value)) return value.map(jsonSchemaOf)
  if (NAMED.has(name) && isObject(value)) return named(value)
  return value
}

function named(schemas: Fields): Fields {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, jsonSchemaOf(schema)]))
}

function typeOf(type: unknown): unknown {
  if (typeof type === 'string') return type.toLowerCase()
  return Array.isArray(type) ? type.map(typeOf) : type
}

function nullable(schema: Record<string, unknown>): Fields {
  const { type } = schema
  if (typeof type !== 'string') return schema
  const values: unknown = schema['enum']
  return {
    ...schema,
    type: [type, 'null'],
    ...(Array.isArray(values) && !values.includes(null) ? { enum: [...(values as unknown[]), null] } : {}),
  }
}
