import { withSingleType } from '../../../dialects/chat/single-types.ts'
import { isObject } from '../../../wire/json/json-body.ts'
import type { SchemaRules } from '../../request-rules/request-rules.ts'

type Fields = Readonly<Record<string, unknown>>

/** Tools whose schemas have only what a vendor takes. Returns the same array when nothing has to change. */
export function changeTools(
  tools: readonly unknown[],
  rules: SchemaRules,
  leftOut: Set<string>,
): readonly unknown[] {
  const changed = tools.map((tool) => (isObject(tool) ? changeTool(tool, rules, leftOut) : tool))
  return changed.some((tool, at) => tool !== tools[at]) ? changed : tools
}

function changeTool(tool: Fields, rules: SchemaRules, leftOut: Set<string>): Fields {
  const { function: defined } = tool
  if (!isObject(defined)) return tool
  const { parameters, strict } = defined
  const schema = changeSchema(parameters, rules, leftOut)
  const dropsStrict = rules.refusesStrict === true && strict !== undefined
  if (dropsStrict) leftOut.add('tools.strict')
  if (schema === parameters && !dropsStrict) return tool
  return { ...tool, function: { ...defined, parameters: schema, ...(dropsStrict && { strict: undefined }) } }
}

/** The request that a `response_format` belongs to. */
interface FormatContext {
  readonly messages: unknown
  readonly leftOut: Set<string>
}

/** A `response_format` that a vendor takes; `undefined` for none. */
export function changeResponseFormat(format: unknown, rules: SchemaRules, context: FormatContext): unknown {
  if (!isObject(format) || !isObject(format['json_schema'])) return format
  if (rules.refusesSchemaFormat === true) return withoutSchema(context)
  const given = format['json_schema']
  const schema = changeSchema(given['schema'], rules, context.leftOut)
  return schema === given['schema'] ? format : { ...format, json_schema: { ...given, schema } }
}

/** Vendors take `json_object` only when a message speaks of JSON. */
function withoutSchema({ messages, leftOut }: FormatContext): unknown {
  leftOut.add('response_format.json_schema')
  return /json/i.test(JSON.stringify(messages)) ? { type: 'json_object' } : undefined
}

/** Members of a schema whose values are schemas by name: their names are no keywords. */
const NAMED_SCHEMAS: ReadonlySet<string> = new Set([
  'properties',
  'patternProperties',
  '$defs',
  'definitions',
  'dependentSchemas',
])
/** Members whose values are data. */
const DATA: ReadonlySet<string> = new Set(['enum', 'const', 'default', 'examples', 'required'])

function changeSchema(schema: unknown, rules: SchemaRules, leftOut: Set<string>): unknown {
  if (Array.isArray(schema)) return changeAll(schema, rules, leftOut)
  if (!isObject(schema)) return schema
  const refused = rules.refusedKeywords ?? []
  const changed: Record<string, unknown> = {}
  const taken = rules.refusesTypeLists === true ? withSingleType(schema) : schema
  let isChanged = taken !== schema
  for (const name in taken) {
    const value = taken[name]
    if (refused.includes(name)) {
      isChanged = true
      // `const` has a twin that every vendor knows.
      if (name === 'const') changed['enum'] = [value]
      else leftOut.add(`schema.${name}`)
      continue
    }
    const theirs = changeMember(name, value, rules, leftOut)
    isChanged ||= theirs !== value
    changed[name] = theirs
  }
  return isChanged ? changed : schema
}

function changeMember(name: string, value: unknown, rules: SchemaRules, leftOut: Set<string>): unknown {
  if (DATA.has(name)) return value
  if (!NAMED_SCHEMAS.has(name) || !isObject(value)) return changeSchema(value, rules, leftOut)
  const changed = Object.entries(value).map(
    ([key, schema]) => [key, changeSchema(schema, rules, leftOut)] as const,
  )
  return changed.some(([key, schema]) => schema !== value[key]) ? Object.fromEntries(changed) : value
}

function changeAll(
  schemas: readonly unknown[],
  rules: SchemaRules,
  leftOut: Set<string>,
): readonly unknown[] {
  const changed = schemas.map((schema) => changeSchema(schema, rules, leftOut))
  return changed.some((schema, at) => schema !== schemas[at]) ? changed : schemas
}
