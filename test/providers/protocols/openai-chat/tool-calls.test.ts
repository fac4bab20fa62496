import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  normalToolCalls,
  ToolCallAssembler,
} from '../../../../src/providers/protocols/openai-chat/tool-calls.ts'

interface Call {
  id?: string
  name: string
  arguments: string
}

/** The calls as a client puts them together. */
function assembled(chunks: readonly (readonly object[])[]): Call[] {
  const assembler = new ToolCallAssembler()
  const calls: Call[] = []
  for (const piece of [...chunks.flatMap((pieces) => assembler.add(pieces)), ...assembler.complete()]) {
    const call = (calls[piece.index] ??= { name: '', arguments: '' })
    if (piece.id !== undefined) call.id = piece.id
    call.name += typeof piece.function['name'] === 'string' ? piece.function['name'] : ''
    call.arguments += (piece.function['arguments'] as string | undefined) ?? ''
  }
  return calls
}

const named = (name: string, text: unknown) => ({ function: { name, arguments: text } })

describe('the tool calls of a stream', () => {
  test.each([
    ['no index', {}],
    ['index 0 for each', { index: 0 }],
  ])('are two calls when parallel calls come with %s', (_case, more) => {
    const calls = assembled([
      [{ ...more, id: 'a', ...named('f', '{"x":1}') }],
      [{ ...more, id: 'b', ...named('f', '{"x":2}') }],
    ])
    expect(calls).toEqual([
      { id: 'a', name: 'f', arguments: '{"x":1}' },
      { id: 'b', name: 'f', arguments: '{"x":2}' },
    ])
  })

  test.each([{ id: '' }, { id: null }, {}])('have unique ids when they come with %j', (more) => {
    const calls = assembled([
      [
        { index: 0, ...more, ...named('f', '{}') },
        { index: 1, ...more, ...named('f', '{}') },
      ],
    ])
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2)
    expect(calls.every(({ id }) => typeof id === 'string' && id !== '')).toBe(true)
  })

  test('have one name when every piece repeats id and name', () => {
    const piece = (text: string) => [{ index: 0, id: 'a', ...named('f', text) }]
    expect(assembled([piece(''), piece('{"x"'), piece(':1}')])).toEqual([
      { id: 'a', name: 'f', arguments: '{"x":1}' },
    ])
  })

  test('have arguments that are text, and an empty object for none', () => {
    expect(
      assembled([
        [
          { index: 0, id: 'a', ...named('f', { x: 1 }) },
          { index: 1, id: 'b', ...named('g', null) },
        ],
      ]),
    ).toEqual([
      { id: 'a', name: 'f', arguments: '{"x":1}' },
      { id: 'b', name: 'g', arguments: '{}' },
    ])
  })

  test('are the same however their arguments are split and their pieces interleaved', () => {
    const call = fc.record({ name: fc.constantFrom('f', 'g'), value: fc.jsonValue() })
    fc.assert(
      fc.property(
        fc.array(call, { minLength: 1, maxLength: 4 }),
        fc.infiniteStream(fc.nat({ max: 5 })),
        (calls, cuts) => {
          const queues = calls.map(({ name, value }, index) => {
            const text = JSON.stringify({ value })
            const first = { index, id: `call_${index}`, ...named(name, '') }
            const rest: object[] = []
            for (let at = 0; at < text.length;) {
              const length = 1 + (cuts.next().value ?? 0)
              rest.push({ index, function: { arguments: text.slice(at, at + length) } })
              at += length
            }
            return [first, ...rest]
          })
          const chunks: object[][] = queues.map(([first]) => [first as object])
          const left = queues.map((queue) => queue.slice(1))
          while (left.some((queue) => queue.length > 0)) {
            const queue = left.filter(({ length }) => length > 0)
            chunks.push([queue[(cuts.next().value ?? 0) % queue.length]?.shift() as object])
          }
          expect(assembled(chunks)).toEqual(
            calls.map(({ name, value }, index) => ({
              id: `call_${index}`,
              name,
              arguments: JSON.stringify({ value }),
            })),
          )
        },
      ),
    )
  })
})

test('the tool calls of a plain response are one call for each entry', () => {
  const calls = normalToolCalls([
    { id: 'a', ...named('f', { x: 1 }) },
    { id: 'a', ...named('f', '') },
  ])
  expect(calls.map(({ function: { arguments: text } }) => text)).toEqual(['{"x":1}', '{}'])
  expect(new Set(calls.map(({ id }) => id)).size).toBe(2)
})

describe('the arguments of a streamed call', () => {
  const ARGUMENTS = '{"city":{"city":"Ghent"}}'
  const begin = (text: unknown) => [{ index: 0, id: 'a', ...named('f', text) }]
  const more = (text: string) => [{ index: 0, function: { arguments: text } }]

  test.each([
    ['an empty object comes before them', [begin('{}'), more('{"city":'), more('{"city":"Ghent"}}')]],
    [
      'they come again in the last piece',
      [begin(''), more('{"city":{"city"'), more(':"Ghent"}}'), more(ARGUMENTS)],
    ],
    ['each piece has all that came before', [begin('{"city":'), more('{"city":{"ci'), more(ARGUMENTS)]],
    ['they are JSON inside a string', [begin(JSON.stringify(ARGUMENTS))]],
    ['that string comes in pieces', [begin('"{\\"city\\":{\\"city\\":\\"Gh'), more('ent\\"}}"')]],
    [
      'each piece has another id',
      [begin('{"city":'), [{ index: 0, id: 'b', function: { arguments: '{"city":"Ghent"}}' } }]],
    ],
    [
      'the index is a text',
      [
        [{ index: '0', id: 'a', ...named('f', '{"city":') }],
        [{ index: '0', function: { arguments: '{"city":"Ghent"}}' } }],
      ],
    ],
    ['nothing encloses name and arguments', [[{ index: 0, id: 'a', name: 'f', arguments: ARGUMENTS }]]],
  ])('are one object when %s', (_case, chunks) => {
    expect(assembled(chunks)).toEqual([{ id: 'a', name: 'f', arguments: ARGUMENTS }])
  })

  test('are the same when each piece has all that came before, however they are cut', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('a', 'b'), fc.jsonValue(), { minKeys: 1 }),
        fc.array(fc.nat(60), { minLength: 1, maxLength: 5 }),
        (value, cuts) => {
          const whole = JSON.stringify(value)
          const ends = [...cuts.map((at) => 1 + (at % whole.length)), whole.length].toSorted((x, y) => x - y)
          const pieces = ends.map((end) => more(whole.slice(0, end)))
          const [call] = assembled([begin(''), ...pieces])
          expect(JSON.parse(call?.arguments ?? '')).toEqual(JSON.parse(whole))
        },
      ),
    )
  })
})

test.each([
  ['JSON inside a string', { function: { name: 'f', arguments: '"{\\"x\\":1}"' } }],
  ['an empty object before them', { function: { name: 'f', arguments: '{}{"x":1}' } }],
  ['their text twice', { function: { name: 'f', arguments: '{"x":1}{"x":1}' } }],
  ['nothing around name and arguments', { name: 'f', arguments: '{"x":1}' }],
])('the call of a plain response has one object of arguments when it comes with %s', (_case, call) => {
  const [normal] = normalToolCalls([{ id: 'a', type: 'function', ...call }])
  expect(normal).toMatchObject({ id: 'a', type: 'function', function: { name: 'f', arguments: '{"x":1}' } })
})
