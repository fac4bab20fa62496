import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseBody, parseCall } from '../../../../src/server/rpc/calls/parse-call.ts'
import { MAX_BATCH, MAX_CALL_CHARACTERS } from '../../../../src/wire/rpc/message.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

/** The ids of all calls of a body, as they would be returned. */
function idsOf(body: string): (string | undefined)[] {
  const { value, idTexts } = parseBody(bytes(body))
  return [value].flat().map((call) => parseCall(call, idTexts).id)
}

const space = fc.constantFrom('', ' ', '\n\t')
const id = fc.oneof(
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((id) => JSON.stringify(id)),
  fc.constantFrom('1.50', '0e1', '-0', '1E400', 'null'),
  fc.string().map((id) => JSON.stringify(id)),
)
const params = fc.dictionary(fc.oneof(fc.constant('id'), fc.string()), fc.jsonValue())
/** A call as text, and its id. */
const call = fc
  .record({ id, params, space, key: fc.constantFrom('"id"', '"\\u0069d"'), turn: fc.nat(3) })
  .map(({ id, params, space, key, turn }) => {
    const fields = [
      '"jsonrpc":"2.0"',
      `"method":"]},{[\\""`,
      `"params":${JSON.stringify(params)}`,
      `${key}${space}:${space}${id}${space}`,
    ]
    const turned = [...fields.slice(turn), ...fields.slice(0, turn)]
    return { id, text: `${space}{${space}${turned.join(`${space},${space}`)}}${space}` }
  })

test('the id of a call is kept as it was written', () => {
  fc.assert(
    fc.property(call, ({ id, text }) => {
      expect(idsOf(text)).toEqual([id])
    }),
  )
})

test('the ids of the calls of a batch are kept as they were written', () => {
  const batch = fc.array(call, { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(batch, (calls) => {
      expect(idsOf(` [${calls.map(({ text }) => text).join(',')}]`)).toEqual(calls.map(({ id }) => id))
    }),
  )
})

test('of a duplicate field the last one counts, as in JSON', () => {
  expect(idsOf('{"jsonrpc":"2.0","method":"health","id":1,"id":2}')).toEqual(['2'])
  expect(idsOf('{"jsonrpc":"2.0","method":"health","id":1,"id":1e400}')).toEqual(['null'])
})

test('a batch with too many calls is refused before anything is parsed', () => {
  const tooMany = `[${'{},'.repeat(MAX_BATCH)}{}, and this is no JSON`
  expect(() => parseBody(bytes(tooMany))).toThrow(`at most ${MAX_BATCH} calls`)
  expect(parseBody(bytes(`[${'{},'.repeat(MAX_BATCH - 1)}{}]`)).value).toHaveLength(MAX_BATCH)
})

test('only methods with large params may have long calls; other long calls are refused before they are parsed', () => {
  const long = 'x'.repeat(MAX_CALL_CHARACTERS)
  const small = '{"jsonrpc":"2.0","method":"health","id":1}'
  const chat = `{"method":"ai.chat","params":{"x":"${long}"}}`
  for (const body of [
    `${' '.repeat(MAX_CALL_CHARACTERS)}${small}`,
    `{"method":"models.list","params":{"search":"${long}"}`,
    `{"method":"ai.chatter","params":"${long}"}`,
    `{"params":{"method":"ai.chat"},"x":"${long}"}`,
    `[${chat},{"method":"models.list","x":"${long}"}]`,
    `[${Array.from({ length: 4 }, () => `"${'x'.repeat(MAX_CALL_CHARACTERS / 4)}"`).join(',')}]`,
  ])
    expect(() => parseBody(bytes(body))).toThrow('may have 1,000,000 characters together, not counting')
  expect(parseBody(bytes(`[${chat},${small},{"method":"mcp.call_tool","x":"${long}"}]`)).value).toHaveLength(
    3,
  )
})

test('invalid JSON is a parse error, in a batch or not', () => {
  for (const body of ['', '[', '[,,]', '{', '[1 2]', '[{}', '{"id":1'])
    expect(() => parseBody(bytes(body))).toThrow('not JSON')
})
