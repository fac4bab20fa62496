import { createHash } from 'node:crypto'
import { z } from 'zod'
import { text } from '../../shared/lenient-schemas.ts'
import { clean, shorten } from '../../shared/text.ts'

/** The parts of a service's OpenRPC document that are used: untrusted, so limited in size and cleaned. */
export interface Service {
  /** The name of its folder, by which callers refer to it. */
  readonly name: string
  readonly title: string
  readonly version: string
  readonly summary: string
  /** The SHA-256 of its document; equal hashes mean equal clients. */
  readonly hash: string
  readonly methods: readonly Method[]
}

export interface Method {
  readonly name: string
  readonly summary: string
  readonly params: readonly Param[]
  readonly result: Schema
  /** Whether the service takes its parameters by position instead of by name. */
  readonly isPositional: boolean
  /** Whether the service reserves it for administrators (`x-role: admin`). */
  readonly isAdminOnly: boolean
}

export interface Param {
  readonly name: string
  readonly summary: string
  readonly isRequired: boolean
  readonly schema: Schema
}

/** A JSON schema with its local references resolved, up to a maximum depth. */
export type Schema = Readonly<Record<string, unknown>>

const MAX_METHODS = 500
const MAX_PARAMS = 60
const MAX_SUMMARY = 240
/** Each level of records takes two: one for its fields, one for the field. */
const MAX_DEPTH = 10
/** References can make a small document huge; values beyond this number are left out. */
const MAX_VALUES = 50_000

const schema = z.record(z.string(), z.unknown()).nullish().catch(undefined)
const descriptor = z.looseObject({
  $ref: text,
  name: text,
  summary: text,
  description: text,
  required: z.boolean().nullish().catch(undefined),
  schema,
})
const documentShape = z.looseObject({
  openrpc: z.string(),
  info: z.looseObject({ title: text, version: text, description: text, summary: text }).catch({}),
  methods: z.array(
    z.looseObject({
      name: z.string(),
      summary: text,
      description: text,
      paramStructure: text,
      'x-role': text,
      params: z.array(descriptor).nullish().catch(undefined),
      result: descriptor.nullish().catch(undefined),
    }),
  ),
  components: z.record(z.string(), z.unknown()).nullish().catch(undefined),
})

type Document = z.output<typeof documentShape>

/** Reads an OpenRPC document; returns `undefined` if it is not one. */
export function readOpenRpc(name: string, value: unknown): Service | undefined {
  const parsed = documentShape.safeParse(value)
  if (!parsed.success) return undefined
  const document = parsed.data
  const { title, version, summary, description } = document.info
  const budget = { left: MAX_VALUES }
  return {
    name,
    title: line(title ?? name),
    version: line(version ?? ''),
    summary: line(summary ?? description ?? title ?? ''),
    hash: createHash('sha256').update(canonical(value)).digest('hex'),
    methods: document.methods
      .filter((method) => method.name !== 'rpc.discover' && /^[\w.:/-]{1,100}$/.test(method.name))
      .slice(0, MAX_METHODS)
      .map((method) => readMethod(method, { document, budget })),
  }
}

interface Source {
  readonly document: Document
  readonly budget: { left: number }
}

function readMethod(method: Document['methods'][number], source: Source): Method {
  const { document } = source
  const params = (method.params ?? []).slice(0, MAX_PARAMS).map((param) => {
    const found = resolve(param, document)
    const inner = descriptor.parse(found)
    const schema = expand(inner.schema ?? {}, source)
    return {
      name: line(inner.name ?? ''),
      summary: line(`${inner.summary ?? inner.description ?? ''} ${meaningOf(schema)}`),
      isRequired: inner.required === true,
      schema,
    }
  })
  const result = descriptor.parse(resolve(method.result ?? {}, document))
  return {
    name: method.name,
    summary: line(method.summary ?? method.description ?? ''),
    params: params.filter((param) => param.name !== ''),
    result: expand(result.schema ?? {}, source),
    isPositional: method.paramStructure === 'by-position',
    isAdminOnly: method['x-role'] === 'admin',
  }
}

/** The description of a schema and the schemas it combines, such as a unit. */
function meaningOf(schema: Schema): string {
  const parts: unknown[] = Array.isArray(schema['allOf']) ? schema['allOf'] : [schema]
  const words = parts.map((part) =>
    typeof part === 'object' && part !== null && 'description' in part ? part.description : '',
  )
  return words.filter((word) => typeof word === 'string').join(' ')
}

/** Cleans and truncates text to one line: it is inserted into generated files and a prompt. */
function line(words: string): string {
  return shorten(clean(words).replace(/\s+/g, ' ').trim(), MAX_SUMMARY)
}

function resolve(
  value: Readonly<Record<string, unknown>>,
  document: Document,
): Readonly<Record<string, unknown>> {
  const pointer = value['$ref']
  if (typeof pointer !== 'string') return value
  let at: unknown = document
  for (const part of pointer.replace(/^#\//, '').split('/')) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    at =
      typeof at === 'object' && at !== null && Object.hasOwn(at, key)
        ? (at as Record<string, unknown>)[key]
        : undefined
  }
  return typeof at === 'object' && at !== null ? { ...at } : {}
}

function expand(value: Schema, source: Source, depth = 0): Schema {
  if (depth > MAX_DEPTH || source.budget.left <= 0) return {}
  const found = Object.entries(resolve(value, source.document))
  source.budget.left -= found.length
  return Object.fromEntries(found.map(([key, item]) => [key, expandItem(item, source, depth)]))
}

function expandItem(item: unknown, source: Source, depth: number): unknown {
  if (Array.isArray(item)) return item.slice(0, MAX_PARAMS).map((one) => expandItem(one, source, depth + 1))
  if (typeof item === 'object' && item !== null) return expand({ ...item }, source, depth + 1)
  return item
}

/** JSON with sorted keys, so that the hash does not depend on their order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  )
}
