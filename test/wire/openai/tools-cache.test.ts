import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseJsonBody } from '../../../src/wire/json/json-body.ts'
import { createCachingParser } from '../../../src/wire/openai/tools-cache.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const bodyOf = (body: object): Uint8Array => bytes(JSON.stringify({ model: 'm', ...body }))
const padding = 'p'.repeat(2000)
const toolsOf = (name: string): readonly object[] => [
  { type: 'function', function: { name, description: padding } },
]

describe('the tools of a body', () => {
  test('are the same object as in the previous request from the third time on', () => {
    const parse = createCachingParser()
    const [first, second, third, fourth] = [1, 2, 3, 4].map((turn) =>
      parse(bodyOf({ turn, tools: toolsOf('a') })),
    )
    expect(second?.value['tools']).not.toBe(first?.value['tools'])
    expect(third?.value['tools']).toBe(second?.value['tools'])
    expect(fourth?.value).toEqual({ model: 'm', turn: 4, tools: toolsOf('a') })
  })

  test('are frozen, so that no request can change those of another', () => {
    const parse = createCachingParser()
    const [, , tools] = [1, 2, 3].map(() => parse(bodyOf({ tools: toolsOf('a') })).value['tools'])
    expect(() => Object.assign((tools as [{ function: object }])[0].function, { name: 'b' })).toThrow(
      TypeError,
    )
  })

  test('are not confused with cached tools that have the same beginning', () => {
    const parse = createCachingParser()
    for (let turn = 0; turn < 3; turn++) parse(bodyOf({ tools: toolsOf('a') }))
    const more = [...toolsOf('a'), { type: 'function', function: { name: 'b' } }]
    expect(parse(bodyOf({ tools: more })).value['tools']).toEqual(more)
  })

  test('are parsed again after sixteen other sets', () => {
    const parse = createCachingParser()
    const turn = (name: string): unknown => parse(bodyOf({ tools: toolsOf(name) })).value['tools']
    for (let at = 0; at < 3; at++) turn('a')
    const kept = turn('a')
    for (let other = 0; other < 16; other++) for (let at = 0; at < 3; at++) turn(`b${other}`)
    expect(turn('a')).not.toBe(kept)
    expect(turn('a')).toEqual(kept)
  })

  test('are read as without a cache, whatever was cached and however the body is broken', () => {
    const parse = createCachingParser()
    const name = fc.constantFrom('a', 'b', '"', '\\', '{"tools":', 'é', '😀')
    const place = fc.constantFrom('tools', 'to\\u006fls', 'tool', 'messages')
    const body = fc.record({ name, place, before: fc.boolean(), after: fc.boolean(), space: fc.boolean() })
    const breakage = fc.option(
      fc.record({ at: fc.nat(), with: fc.constantFrom('', '"', '}', ',', '\\', '9') }),
      {
        freq: 3,
      },
    )
    fc.assert(
      fc.property(body, breakage, (its, broken) => {
        const tools = JSON.stringify(toolsOf(its.name), undefined, its.space ? 1 : 0)
        const parts = [`"${its.place}":${tools}`, '"model":"m"']
        if (its.before) parts.unshift('"messages":[{"role":"user","content":"\\"tools\\":["}]')
        if (its.after) parts.push('"tools" : []')
        const whole = `{${parts.join(its.space ? ' ,\n' : ',')}}`
        const at = (broken?.at ?? 0) % whole.length
        const text = broken === null ? whole : whole.slice(0, at) + broken.with + whole.slice(at + 1)
        expect(outcome(() => parse(bytes(text)))).toEqual(outcome(() => parseJsonBody(bytes(text))))
      }),
      { numRuns: 2000 },
    )
  })
})

function outcome(read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    return String(error)
  }
}
