import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { middleOut } from '../../../src/inference/prompt/middle-out.ts'
import { jsonBodyOf } from '../../../src/wire/json/json-body.ts'

interface Message {
  role: string
  content: string | null
  tool_calls?: unknown
}

/** In this file one character is one token. */
const length = ({ content }: Message): number => content?.length ?? 1
const total = (messages: readonly Message[]): number => messages.reduce((sum, each) => sum + length(each), 0)

function squeeze(messages: readonly Message[], limit: number) {
  const body = jsonBodyOf(JSON.stringify({ model: 'm', messages, seed: 7 }))
  const compressed = middleOut(body, { messages: messages.map(length), rest: 0 }, limit)
  const left = (compressed?.body.value['messages'] ?? messages) as Message[]
  return { compressed, left, remaining: left.map(({ content }) => content?.[0] ?? 'call').join('') }
}

const say = (role: string, letter: string, count: number): Message => ({
  role,
  content: letter.repeat(count),
})
const call: Message = { role: 'assistant', content: null, tool_calls: [{ id: 'c' }] }

describe('a chat with more tokens than the limit', () => {
  const long = [
    say('system', 's', 100),
    ...'abcdefg'.split('').map((letter) => say('user', letter, 100)),
    say('user', 'z', 100),
  ]

  test('loses messages from its middle outwards, and nothing else of the request', () => {
    const { compressed, remaining } = squeeze(long, 700)
    expect(remaining).toBe('sabefgz')
    expect(compressed).toMatchObject({ removed: 2, shortened: 0 })
    expect(compressed?.body.value).toMatchObject({ model: 'm', seed: 7 })
    expect(squeeze(long, 400).remaining).toBe('sagz')
  })

  test('has the last message to be removed shortened instead, when that is enough', () => {
    const { compressed, left } = squeeze(long, 870)
    expect(compressed).toMatchObject({ removed: 0, shortened: 1 })
    expect(left[4]?.content).toMatch(/^d+\n\[…\]\nd+$/)
    expect(left[4]?.content?.length).toBeLessThanOrEqual(70)
  })

  test('loses the middle of its text when it is a single message', () => {
    const [beginning, end] = ['beginning '.repeat(50), ' end'.repeat(50)]
    const { left } = squeeze([{ role: 'user', content: beginning + 'x'.repeat(1000) + end }], 500)
    const content = left[0]?.content ?? ''
    expect(content.length).toBeLessThanOrEqual(500)
    expect([content.startsWith('beginning'), content.endsWith('end')]).toEqual([true, true])
  })

  test('is not touched when the limit is high enough', () => {
    expect(squeeze(long, 900).compressed).toBeUndefined()
  })

  test('loses a tool call together with its results', () => {
    const { remaining } = squeeze(
      [say('user', 'a', 100), call, say('tool', 't', 100), say('user', 'b', 50), say('user', 'z', 100)],
      260,
    )
    expect(remaining).toBe('abz')
  })

  test('is cut in the longest text when a message has parts, and images stay', () => {
    const content = [
      { type: 'text', text: 'x'.repeat(900) },
      { type: 'image_url', image_url: { url: 'data:' } },
      { type: 'text', text: 'why?' },
    ]
    const body = jsonBodyOf(JSON.stringify({ messages: [{ role: 'user', content }] }))
    const squeezed = middleOut(body, { messages: [904], rest: 0 }, 400)
    const [message] = (squeezed?.body.value['messages'] ?? []) as { content: { text?: string }[] }[]
    const left = message?.content ?? []
    expect(left.slice(1)).toEqual(content.slice(1))
    expect(left[0]?.text?.length).toBeLessThanOrEqual(400)
  })

  test('is never cut inside a surrogate pair', () => {
    for (let limit = 64; limit < 80; limit++) {
      const { left } = squeeze([{ role: 'user', content: '🦊'.repeat(100) }], limit)
      expect(left[0]?.content?.isWellFormed()).toBe(true)
    }
  })
})

test('messages are removed in the order in which the middle one of those left comes next', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 40 }), fc.nat({ max: 400 }), (count, limit) => {
      const messages = Array.from({ length: count }, (_, nth) =>
        say('user', String.fromCharCode(97 + nth), 10),
      )
      expect(squeeze(messages, limit).left).toEqual(withoutMiddle(messages, limit))
    }),
  )
})

function withoutMiddle(messages: readonly Message[], limit: number): readonly Message[] {
  const left = [...messages]
  while (total(left) > limit && left.length > 1) left.splice(Math.floor((left.length - 2) / 2), 1)
  return left
}

test('a chat of 150,000 messages is compressed in linear time', () => {
  const messages = Array.from({ length: 150_000 }, () => say('user', 'a', 1))
  expect(squeeze(messages, 1).left).toEqual(messages.slice(-1))
})

test('the longest of 150,000 parts is found and cut', () => {
  const texts = [...Array<string>(150_000).fill('x'), 'y'.repeat(1_000_000)]
  const content = texts.map((text) => ({ type: 'text', text }))
  const body = jsonBodyOf(JSON.stringify({ messages: [{ role: 'user', content }] }))
  const squeezed = middleOut(body, { messages: [1_150_000], rest: 0 }, 1_000_000)
  expect(squeezed?.shortened).toBe(1)
})

const anyMessages = fc
  .array(
    fc.oneof(
      fc.tuple(fc.constantFrom('user', 'assistant', 'system'), fc.integer({ min: 1, max: 400 })),
      fc.tuple(fc.constant('call'), fc.integer({ min: 1, max: 3 })),
    ),
    { minLength: 1, maxLength: 20 },
  )
  .map((plan): Message[] =>
    plan.flatMap(([role, count], nth) =>
      role === 'call'
        ? [call, ...Array.from({ length: count }, () => say('tool', 't', 30))]
        : [say(role, String.fromCharCode(97 + nth), count)],
    ),
  )

test('any chat fits afterwards if it can; system messages and the last message stay, in order', () => {
  fc.assert(
    fc.property(anyMessages, fc.integer({ min: 1, max: 3000 }), (messages, limit) => {
      const { left } = squeeze(messages, limit)
      const first = ({ role, content }: Message): string => `${role} ${content?.[0]}`
      const kept = messages.filter((each) => left.some((other) => first(other) === first(each)))
      expect(kept.map(first)).toEqual(expect.arrayContaining(left.map(first)))
      const systems = (all: readonly Message[]): number => all.filter(({ role }) => role === 'system').length
      expect(systems(left)).toBe(systems(messages))
      expect(first(left.at(-1) ?? call)).toBe(first(messages.at(-1) ?? call))
      for (const [at, { role }] of left.entries())
        if (role === 'tool') expect(['tool', 'assistant']).toContain(left[at - 1]?.role)
      const canShrink = left.some((each) => length(each) > 64 && !each.content?.includes('[…]'))
      if (canShrink) expect(total(left)).toBeLessThanOrEqual(limit)
    }),
  )
})
