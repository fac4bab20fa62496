import { expect, test } from 'vitest'
import { z } from 'zod'
import { smallestJson } from '../../../../src/local-models/mock/json/smallest-json.ts'

type Tree = { name: string; children: Tree[] }
const tree: z.ZodType<Tree> = z.lazy(() => z.object({ name: z.string(), children: z.array(tree) }))

const schemas: Record<string, z.ZodType> = {
  'an object with optional fields': z.object({ a: z.string(), b: z.number().optional() }),
  'nested objects and arrays': z.object({ list: z.array(z.object({ id: z.int() })).min(2) }),
  'bounds of numbers': z.object({
    a: z.int().min(18),
    b: z.number().max(-3),
    c: z.number().gt(0).lt(1),
    d: z.int().multipleOf(7).min(8),
    e: z.int().gt(4),
  }),
  'bounds of strings': z.string().min(5),
  formats: z.object({
    a: z.email(),
    b: z.uuid(),
    c: z.iso.datetime(),
    d: z.url(),
    e: z.ipv4(),
    f: z.iso.date(),
  }),
  'enums and constants': z.object({ a: z.enum(['x', 'y']), b: z.literal(3), c: z.null() }),
  unions: z.union([z.object({ type: z.literal('a'), x: z.string() }), z.string()]),
  intersections: z.intersection(z.object({ a: z.string() }), z.object({ b: z.boolean() })),
  tuples: z.tuple([z.string(), z.number(), z.boolean()]),
  'records and unknowns': z.object({ a: z.record(z.string(), z.number()), b: z.unknown() }),
  'recursion that ends': tree,
  'nullable fields': z.object({ a: z.string().nullable() }),
}

test.each(Object.entries(schemas))('the smallest value of %s is valid', (_, schema) => {
  const smallest = smallestJson(z.toJSONSchema(schema))
  expect(schema.safeParse(structuredClone(smallest))).toMatchObject({ success: true })
})

/** So many parts by reference that merging them one after the other would take minutes. */
function joinedOf(part: object): object {
  return { $defs: { a: part }, allOf: Array.from({ length: 4_000 }, () => ({ $ref: '#/$defs/a' })) }
}

function eachOf(items: object): object {
  return { type: 'array', minItems: 1_500, items }
}

function manyNames(): object {
  return Object.fromEntries(Array.from({ length: 5_000 }, (_, nth) => [`k${nth}`, {}]))
}

test('the smallest value has only required properties', () => {
  expect(smallestJson(z.toJSONSchema(schemas['an object with optional fields'] ?? z.never()))).toEqual({
    a: '',
  })
  expect(smallestJson(undefined)).toEqual({})
})

test.each([
  [
    'endless recursion',
    {
      $ref: '#/$defs/a',
      $defs: { a: { type: 'object', required: ['a'], properties: { a: { $ref: '#/$defs/a' } } } },
    },
  ],
  ['a reference to itself', { $ref: '#' }],
  ['doubling', { allOf: [{ $ref: '#' }, { $ref: '#' }] }],
  ['a huge array', { type: 'array', minItems: 1e12 }],
  ['a huge string', { type: 'string', minLength: 1e12 }],
  ['a reference elsewhere', { $ref: 'https://example.com/schema' }],
  ['a broken reference', { $ref: '#/$defs/none' }],
  ['a reference with half an escape', { $ref: '#/%' }],
  ['thousands of parts that require the same names', joinedOf({ required: Array(5_000).fill('k') })],
  ['thousands of parts with the same properties', joinedOf({ properties: manyNames() })],
  ['thousands of parts with unknown fields', joinedOf(manyNames())],
  ['thousands of values with a choice and unknown fields', eachOf({ ...manyNames(), anyOf: [{}] })],
  ['thousands of choices that are not schemas', eachOf({ anyOf: Array(100_000).fill(true) })],
  ['thousands of long names', eachOf({ required: ['k'.repeat(1_000_000)] })],
  ['thousands of long constants', eachOf({ const: 'k'.repeat(1_000_000) })],
  [
    'a negative length beside a huge one',
    {
      prefixItems: [
        { type: 'string', minLength: -1e12 },
        { type: 'array', minItems: 1e6 },
      ],
    },
  ],
])('a schema with %s is refused quickly', (_, schema) => {
  expect(() => smallestJson(schema)).toThrow(expect.objectContaining({ code: 'bad-request' }))
})

test('the error for an invalid reference names it', () => {
  expect(() => smallestJson({ $ref: '#/%' })).toThrow('“#/%”')
})

test('a format that is the name of an Object property is ignored', () => {
  expect(smallestJson({ type: 'string', format: 'constructor' })).toBe('')
})
