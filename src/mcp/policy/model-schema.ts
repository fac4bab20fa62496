import { repairedFields, withoutTopCombination } from './schema-repairs.ts'

/** A JSON Schema, as a stranger wrote it. */
type Schema = Readonly<Record<string, unknown>>

const MAX_DEPTH = 32
/** The references of one schema that are written out; further ones accept anything. */
const MAX_REFERENCES = 500
/** Words that say nothing to a model, and that some providers refuse. */
const DROPPED: ReadonlySet<string> = new Set([
  '$schema',
  '$id',
  '$anchor',
  '$comment',
  '$defs',
  'definitions',
  'nullable',
])

/**
 * The schema of a tool's arguments in the form that every provider takes: an object with `properties` at the top, local references
 * written out (a recursive one accepts anything), `nullable` as a type of its own, no combination at the top, no words about the
 * schema itself, and repaired where it is no JSON Schema.
 */
export function modelSchema(schema: unknown): object {
  const written = isObject(schema) ? (new SchemaWriter(schema).write(schema, []) as Schema) : {}
  return { ...withoutTopCombination(written), type: 'object' }
}

class SchemaWriter {
  readonly #root: Schema
  #references = 0

  constructor(root: Schema) {
    this.#root = root
  }

  /** `open` are the references that are being written out. */
  write(value: unknown, open: readonly string[], depth = 0): unknown {
    if (Array.isArray(value)) return value.map((item: unknown) => this.write(item, open, depth + 1))
    if (!isObject(value) || depth > MAX_DEPTH) return depth > MAX_DEPTH ? {} : value
    const { $ref: reference, ...own } = value
    if (typeof reference !== 'string') return this.#writeFields(own, open, depth)
    const target = this.#targetOf(reference)
    const isWritable = isObject(target) && !open.includes(reference) && this.#references++ < MAX_REFERENCES
    const written = isWritable ? (this.write(target, [...open, reference], depth + 1) as Schema) : {}
    return { ...written, ...(this.#writeFields(own, open, depth) as Schema) }
  }

  #writeFields(fields: Schema, open: readonly string[], depth: number): object {
    const entries = Object.entries(fields)
      .filter(([name]) => !DROPPED.has(name))
      .map(([name, value]) => [name, this.#writeField(name, value, open, depth)] as const)
    const isNullable = fields['nullable'] === true && typeof fields['type'] === 'string'
    return repairedFields({
      ...Object.fromEntries(entries),
      ...(isNullable && { type: [fields['type'], 'null'] }),
    })
  }

  /** The names below `properties` are those of arguments, even `$ref`; examples and constants are no schemas. */
  #writeField(name: string, value: unknown, open: readonly string[], depth: number): unknown {
    if (LITERALS.has(name)) return value
    if (!NAMED.has(name) || !isObject(value)) return this.write(value, open, depth + 1)
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, this.write(item, open, depth + 1)]),
    )
  }

  /** The target of a JSON pointer in the same document (RFC 6901); `undefined` for any other. */
  #targetOf(reference: string): unknown {
    if (!reference.startsWith('#')) return undefined
    let target: unknown = this.#root
    for (const part of reference.slice(1).split('/').slice(1)) {
      const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
      if (!isObject(target) || !Object.hasOwn(target, name)) return undefined
      target = target[name]
    }
    return target
  }
}

const NAMED: ReadonlySet<string> = new Set(['properties', 'patternProperties', 'dependentSchemas'])
const LITERALS: ReadonlySet<string> = new Set(['enum', 'const', 'default', 'examples', 'required'])

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** OpenAI's limit for the description of a function (https://platform.openai.com/docs/api-reference/chat, 2026-11). */
const MAX_DESCRIPTION = 1024

/** A description within the limit of providers, or none for an empty one. */
export function modelDescription(description: string | undefined): string | undefined {
  const text = description?.trim() ?? ''
  if (text === '') return undefined
  return text.length <= MAX_DESCRIPTION ? text : `${text.slice(0, MAX_DESCRIPTION - 1)}…`
}
