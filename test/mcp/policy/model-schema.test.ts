import { describe, expect, test } from 'vitest'
import { modelDescription, modelSchema } from '../../../src/mcp/policy/model-schema.ts'

const object = (properties: object) => ({ type: 'object', properties })

describe('the schema of a tool as every provider takes it', () => {
  test.each([
    ['no schema', undefined, { type: 'object', properties: {} }],
    ['an object without properties', { type: 'object' }, { type: 'object', properties: {} }],
    ['a schema without a type', { properties: { a: {} } }, { type: 'object', properties: { a: {} } }],
    [
      'words about the schema',
      { $schema: 'x', $id: 'y', type: 'object' },
      { type: 'object', properties: {} },
    ],
    [
      'a nullable property',
      { type: 'object', properties: { a: { type: 'string', nullable: true } } },
      { type: 'object', properties: { a: { type: ['string', 'null'] } } },
    ],
    [
      'a property that is called $ref',
      { type: 'object', properties: { $ref: { type: 'string' } }, required: ['$ref'] },
      { type: 'object', properties: { $ref: { type: 'string' } }, required: ['$ref'] },
    ],
    [
      'references',
      {
        type: 'object',
        properties: {
          a: { $ref: '#/$defs/P', description: 'own' },
          b: { items: { $ref: '#/definitions/Q~1r' } },
        },
        $defs: { P: { type: 'string', description: 'theirs' } },
        definitions: { 'Q/r': { $ref: '#/$defs/P' } },
      },
      {
        type: 'object',
        properties: {
          a: { type: 'string', description: 'own' },
          b: { items: { type: 'string', description: 'theirs' } },
        },
      },
    ],
    [
      'a reference to itself, and one to elsewhere',
      {
        type: 'object',
        properties: { next: { $ref: '#' }, other: { $ref: 'https://h/s.json' } },
      },
      {
        type: 'object',
        properties: {
          next: { type: 'object', properties: { next: {}, other: {} } },
          other: {},
        },
      },
    ],
    [
      'literals that look like schemas',
      { type: 'object', properties: { a: { default: { $ref: 'x' }, enum: [{ nullable: true }] } } },
      { type: 'object', properties: { a: { default: { $ref: 'x' }, enum: [{ nullable: true }] } } },
    ],
    [
      'types by another name',
      object({
        a: { type: 'int' },
        b: { type: 'STRING' },
        c: { type: ['str', 'null'] },
        d: { type: 'any' },
        e: { type: null },
      }),
      object({
        a: { type: 'integer' },
        b: { type: 'string' },
        c: { type: ['string', 'null'] },
        d: {},
        e: {},
      }),
    ],
    [
      'arrays without items, and with a list of them',
      object({
        a: { type: 'array' },
        b: { type: ['array', 'null'] },
        c: { items: [{ type: 'str' }, { type: 'int' }] },
      }),
      object({
        a: { type: 'array', items: {} },
        b: { type: ['array', 'null'], items: {} },
        c: { items: { anyOf: [{ type: 'string' }, { type: 'integer' }] } },
      }),
    ],
    [
      'an empty enum, a boolean bound, and properties that are true or false',
      object({ a: { enum: [] }, b: { minimum: 1, exclusiveMinimum: true }, c: true, d: false }),
      object({ a: {}, b: { minimum: 1 }, c: {} }),
    ],
    [
      'required names without a property, and a property that is required',
      { ...object({ a: { type: 'string', required: true } }), required: ['a', 'ghost', 'a', 1] },
      { ...object({ a: { type: 'string' } }), required: ['a'] },
    ],
    [
      'a choice at its top',
      { ...object({ a: {}, b: {} }), required: ['a'], anyOf: [{ required: ['a'] }, { required: ['b'] }] },
      { ...object({ a: {}, b: {} }), required: ['a'] },
    ],
    [
      'objects to choose from',
      {
        oneOf: [
          { ...object({ a: {}, kind: {} }), required: ['a', 'kind'] },
          { ...object({ b: {}, kind: {} }), required: ['kind'] },
        ],
      },
      { ...object({ a: {}, b: {}, kind: {} }), required: ['kind'] },
    ],
    [
      'parts that all hold',
      { required: ['b'], allOf: [{ ...object({ a: {} }), required: ['a'] }, object({ b: {} })] },
      { ...object({ a: {}, b: {} }), required: ['b', 'a'] },
    ],
  ])('for %s', (_case, schema, expected) => {
    expect(modelSchema(schema)).toEqual(expected)
  })

  test('stays small when references multiply', () => {
    const $defs = Object.fromEntries(
      Array.from({ length: 20 }, (_, at) => [
        `D${at}`,
        { properties: { a: { $ref: `#/$defs/D${at + 1}` }, b: { $ref: `#/$defs/D${at + 1}` } } },
      ]),
    )
    const schema = modelSchema({ type: 'object', properties: { x: { $ref: '#/$defs/D0' } }, $defs })
    expect(JSON.stringify(schema).length).toBeLessThan(200_000)
  })
})

test('a long description is cut to what providers take, and an empty one is left out', () => {
  expect(modelDescription('x'.repeat(5000))).toHaveLength(1024)
  expect([modelDescription(' '), modelDescription(undefined), modelDescription('looks')]).toEqual([
    undefined,
    undefined,
    'looks',
  ])
})
