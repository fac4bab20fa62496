import { z } from 'zod'

import { ERRORS } from '../../base/errors.ts'
import type { ErrorCode } from '../../base/errors.ts'
import type { Method } from './method.ts'

type Json = Readonly<Record<string, unknown>>

/** An OpenRPC 1.3 document (spec.open-rpc.org), with the fields that we use. */
export interface OpenRpcDocument {
  readonly [field: string]: unknown
  readonly openrpc: string
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly methods: readonly ({ readonly name: string } & Json)[]
  readonly components: { readonly schemas: Json }
}

/** Errors that any method may return besides its own. */
const COMMON_ERRORS = ['bad-request', 'unauthorized', 'forbidden', 'internal'] as const satisfies ErrorCode[]

/** Describes a contract for other programs and code generators. Named schemas are shared under `components`. */
export function openRpcDocument(
  contract: Readonly<Record<string, Method>>,
  version: string,
): OpenRpcDocument {
  const schemas: Record<string, unknown> = {}
  return {
    openrpc: '1.3.2',
    info: {
      title: 'hero_aibroker',
      version,
      description: 'Administration of the LLM broker. Params go by name or by position.',
    },
    methods: Object.entries(contract).map(([name, method]) => describeMethod(name, method, schemas)),
    components: { schemas },
  }
}

function describeMethod(name: string, method: Method, schemas: Record<string, unknown>) {
  return {
    name,
    summary: method.summary,
    ...(method.description === undefined ? {} : { description: method.description }),
    tags: name.includes('.') ? [{ name: name.split('.')[0] }] : [],
    paramStructure: 'either',
    params: Object.entries(method.params.shape).map(([field, type]) => describeParam(field, type, schemas)),
    result: { name: 'result', schema: jsonSchema(method.result, schemas) },
    errors: describeErrors([...COMMON_ERRORS, ...method.errors]),
    examples: [describeExample(name, method)],
    'x-role': method.role,
    ...(method.streams === true ? { 'x-streams': true } : {}),
  }
}

function describeParam(name: string, type: z.core.$ZodType, schemas: Record<string, unknown>): Json {
  const schema = jsonSchema(type, schemas)
  const { description, ...rest } = schema
  return {
    name,
    ...(description === undefined ? {} : { description }),
    required: !z.safeParse(type, undefined).success,
    schema: rest,
  }
}

/** Numbers must be unique within a method, and several of our error codes share one. */
function describeErrors(codes: readonly ErrorCode[]): Json[] {
  const words = Map.groupBy(new Set(codes), (code) => ERRORS[code].rpc)
  return [...words].map(([code, names]) => ({ code, message: names.join(', ') }))
}

function describeExample(name: string, method: Method): Json {
  return {
    name,
    params: Object.entries(method.example.params).map(([field, value]) => ({ name: field, value })),
    result: { name: 'result', value: method.example.result },
  }
}

function jsonSchema(type: z.core.$ZodType, schemas: Record<string, unknown>): Json {
  const {
    $schema: _dialect,
    definitions,
    ...schema
  } = z.toJSONSchema(type, {
    target: 'draft-7',
    io: 'input',
    override: ({ jsonSchema }) => {
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
      // The name of a shared schema is its key; repeated as `id`, validators would resolve it as a URI.
      delete jsonSchema.id
    },
  })
  for (const [name, definition] of Object.entries(definitions ?? {}))
    schemas[name] = moveReferences(definition)
  return moveReferences(schema) as Json
}

/** Zod puts shared schemas beside each schema; the document has them in one place. */
function moveReferences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(moveReferences)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === '$ref' && typeof inner === 'string'
        ? inner.replace('#/definitions/', '#/components/schemas/')
        : moveReferences(inner),
    ]),
  )
}
