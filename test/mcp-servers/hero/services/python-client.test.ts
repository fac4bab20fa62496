import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { readOpenRpc } from '../../../../src/mcp-servers/hero/services/openrpc.ts'
import {
  clientOf,
  identifier,
  interfaceOf,
  typeOf,
} from '../../../../src/mcp-servers/hero/services/python-client.ts'
import { readSettings } from '../../../../src/mcp-servers/hero/settings.ts'

/** Text that a malicious or odd service could put into its document. */
const words = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '"""',
    "'''",
    '\\',
    '"\nimport os\n',
    '\n    os.system("x")',
    '#',
    '{',
    '\u2028',
    'class',
    'None',
    '\ud800',
  ),
)
const schemas = fc.oneof(
  fc.record({
    type: fc.constantFrom('string', 'integer', 'array', 'object', 'nonsense'),
    description: words,
  }),
  fc.record({ enum: fc.array(words, { maxLength: 3 }) }),
  fc.record({
    type: fc.constant('object'),
    properties: fc.dictionary(words, fc.record({ type: fc.constant('string') })),
  }),
  fc.constant({ $ref: '#/components/schemas/Loop' }),
)
const documents = fc.record({
  openrpc: fc.constant('1.3.2'),
  info: fc.record({ title: words, version: words, description: words }),
  methods: fc.array(
    fc.record({
      name: fc.oneof(words, fc.constantFrom('a.b', 'a_b', 'a-b', 'class', '1.2', 'print', 'rpc.discover')),
      summary: words,
      paramStructure: fc.constantFrom('either', 'by-name', 'by-position'),
      params: fc.array(fc.record({ name: words, required: fc.boolean(), summary: words, schema: schemas }), {
        maxLength: 4,
      }),
      result: fc.record({ name: words, schema: schemas }),
    }),
    { maxLength: 6 },
  ),
  components: fc.constant({
    schemas: {
      Loop: {
        type: 'object',
        properties: {
          again: { $ref: '#/components/schemas/Loop' },
          twice: { $ref: '#/components/schemas/Loop' },
        },
      },
    },
  }),
})

/** Parses programs and prints the kinds of their top-level statements, without running them. */
const CHECK = `
import ast, json, sys
kinds = set()
for source in json.load(sys.stdin):
    for node in ast.parse(source).body:
        kinds.add(type(node).__name__)
        if isinstance(node, ast.Expr): assert isinstance(node.value, ast.Constant), ast.dump(node)
        if isinstance(node, ast.FunctionDef) and node.name not in ("call", "_send"): assert len(node.body) == 3, ast.dump(node)
print(json.dumps(sorted(kinds)))
`

describe('the generated client', () => {
  test('contains only definitions, whatever the document contains', () => {
    const sources = fc.sample(documents, 300).map((document) => {
      const service = readOpenRpc('odd', document)
      return service === undefined ? '' : clientOf(service, '/a "quoted"\n/path')
    })
    const { python } = readSettings({})
    const kinds = execFileSync(python, ['-I', '-c', CHECK], {
      input: JSON.stringify(sources),
      encoding: 'utf8',
    })
    expect(JSON.parse(kinds)).toEqual(['Assign', 'ClassDef', 'Expr', 'FunctionDef', 'If', 'Import'])
  })

  test('has a short interface with one line per method or parameter', () => {
    fc.assert(
      fc.property(documents, (document) => {
        const service = readOpenRpc('odd', document)
        const lines = interfaceOf(
          service ?? { name: 'odd', title: '', version: '', summary: '', hash: '', methods: [] },
        ).split('\n')
        expect(
          lines.every((line) => /^(# SERVICE|# SUMMARY|import odd$|odd\.\w+\(|#   \w+: )/.test(line)),
        ).toBe(true)
      }),
    )
  })

  test('has the same hash when the keys of the document are in another order', () => {
    const one = { openrpc: '1.3.2', info: { title: 'T', version: '1' }, methods: [] }
    const other = { methods: [], info: { version: '1', title: 'T' }, openrpc: '1.3.2' }
    expect(readOpenRpc('x', one)?.hash).toBe(readOpenRpc('x', other)?.hash)
    expect(readOpenRpc('x', { ...one, openrpc: '1.2.6' })?.hash).not.toBe(readOpenRpc('x', one)?.hash)
  })

  test('uses valid Python identifiers as method names', () => {
    expect(['usage.summary', 'class', 'json', '2fa', 'a-b.c'].map(identifier)).toEqual([
      'usage_summary',
      'class_',
      'json_',
      'm_2fa',
      'a_b_c',
    ])
  })

  test('shows short types and marks optional fields', () => {
    const rows = {
      type: 'array',
      items: {
        type: 'object',
        required: ['a'],
        properties: { a: { type: 'integer' }, b: { enum: ['x', null] } },
      },
    }
    expect(typeOf(rows)).toBe('[{"a": int, "b"?: "x" | None}]')
    expect(typeOf({ allOf: [{ type: 'string' }], description: 'd' })).toBe('str')
    expect(typeOf({ anyOf: [{ type: 'string' }, { type: 'null' }] })).toBe('str | None')
  })
})

test('a value that is not an OpenRPC document is rejected', () => {
  for (const value of [undefined, null, 'x', {}, { openrpc: '1.3.2' }, { openrpc: 1, methods: [] }]) {
    expect(readOpenRpc('x', value)).toBeUndefined()
  }
})
