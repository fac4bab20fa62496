import { describe, expect, test } from 'vitest'
import { modelDescription, modelSchema } from '../../../src/mcp/policy/model-schema.ts'

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
