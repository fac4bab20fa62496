import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openaiAt, openrouterAt } from '../support/providers-env.ts'
import { json, scriptedUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const MODELS = `
models:
  small:
    context_window: 8192
    backends: [{ provider: openai, model_id: small, input_cost: 1, output_cost: 1 }]
  wide:
    context_window: 16000
    backends: [{ provider: openai, model_id: wide, input_cost: 1, output_cost: 1 }]
  both:
    backends:
      - { provider: openai, model_id: both, context_window: 8192, input_cost: 1, output_cost: 1 }
      - { provider: openrouter, model_id: acme/both, context_window: 32000, input_cost: 2, output_cost: 2 }
  routed:
    context_window: 8192
    backends: [{ provider: openrouter, model_id: acme/small, input_cost: 1, output_cost: 1 }]
`

const folder = tempFolder()
let upstream: ScriptedUpstream
let broker: Broker
beforeAll(async () => {
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
  const choices = [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }]
  upstream = await scriptedUpstream([json(200, { object: 'chat.completion', created: 1, choices, usage })])
  const path = join(folder.path, 'models.yml')
  writeFileSync(path, MODELS)
  const env = { ...openaiAt(upstream), ...openrouterAt(upstream), MODELS_CONFIG_PATH: path }
  broker = await startBroker({ env, folder: folder.path })
}, 30_000)
afterAll(async () => {
  await broker[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

/** About 12,000 tokens: 60 messages of some 200. */
const chat = [
  { role: 'system', content: 'Be terse.' },
  ...Array.from({ length: 60 }, (_, nth) => ({
    role: nth % 2 === 0 ? 'user' : 'assistant',
    content: `${nth} ${'word and '.repeat(100)}`,
  })),
  { role: 'user', content: 'So what?' },
]

async function ask(model: string, extra: object = {}, messages: readonly object[] = chat) {
  const { status, json: response } = await broker.post('/api/v1/chat/completions', {
    model,
    messages,
    ...extra,
  })
  const sent = upstream.requests.at(-1)?.body as { messages: { content: string }[] } & Record<string, unknown>
  return { status, answer: response, sent }
}

describe('a chat that is too long for a small context window', () => {
  test('is sent without its middle, and the response says so', async () => {
    const { answer: response, sent } = await ask('small')
    const numbers = sent.messages.slice(1, -1).map(({ content }) => Number(content.split(' ')[0]))
    expect(sent.messages.length).toBeLessThan(chat.length)
    expect([sent.messages[0], sent.messages.at(-1)]).toEqual([chat[0], chat.at(-1)])
    expect([numbers[0], numbers.at(-1)]).toEqual([0, 59])
    // 8,192 tokens, an eighth of them for the answer, and a margin for other tokenizers; 205 tokens a message.
    expect(numbers.length * 205).toBeLessThan(8192 * 0.875)
    expect(numbers.length * 205).toBeGreaterThan(8192 * 0.75)
    expect(response).toMatchObject({
      x_aibroker: {
        context_compression: { engine: 'middle-out', removed: chat.length - sent.messages.length },
      },
    })
  })

  test.each([[{ transforms: [] }], [{ plugins: [{ id: 'context-compression', enabled: false }] }]])(
    'is not compressed with %j',
    async (extra) => {
      const { sent } = await ask('small', extra)
      expect(sent.messages).toHaveLength(chat.length)
      expect(sent).not.toHaveProperty('transforms')
      expect(sent).not.toHaveProperty('plugins')
    },
  )

  test('is compressed further for a longer completion', async () => {
    const usual = await ask('small')
    const { sent } = await ask('small', { max_tokens: 4000 })
    expect(sent.messages.length).toBeLessThan(usual.sent.messages.length - 10)
  })

  test('is sent whole to OpenRouter, which compresses it itself', async () => {
    const { sent } = await ask('routed', { transforms: ['middle-out'] })
    expect(sent.messages).toHaveLength(chat.length)
    expect(sent).toMatchObject({ transforms: ['middle-out'] })
  })

  test('is sent whole to another endpoint of the model that can take it, unless the caller named an order', async () => {
    const { sent } = await ask('both')
    expect([sent['model'], sent.messages.length]).toEqual(['acme/both', chat.length])
    const short = await ask('both', {}, chat.slice(-2))
    expect(short.sent['model']).toBe('both')
    const ordered = await ask('both', { provider: { order: ['openai'] } })
    expect(ordered.sent['model']).toBe('both')
    expect(ordered.sent.messages.length).toBeLessThan(chat.length)
  })

  test('is not compressed if it fits, and the response does not mention it', async () => {
    const { answer: response, sent } = await ask('small', {}, chat.slice(-20))
    expect(sent.messages).toHaveLength(20)
    expect(response).not.toHaveProperty('x_aibroker.context_compression')
  })

  test('loses the middle of its text as a text completion', async () => {
    const prompt = `first ${'word and '.repeat(6000)}last`
    const { status } = await broker.post('/api/v1/completions', { model: 'small', prompt })
    const sent = upstream.requests.at(-1)?.body as { messages: { content: string }[] } | undefined
    const sentText = sent?.messages[0]?.content ?? ''
    expect([status, sentText.length < prompt.length]).toEqual([200, true])
    expect(sentText).toMatch(/^first .*\n\[…\]\n.*last$/s)
  })
})

describe('for a larger context window a chat', () => {
  const longer = [...chat, ...chat]

  test.each([[{}, longer.length]])('is not compressed with %j', async (extra, count) => {
    expect((await ask('wide', extra, longer)).sent.messages).toHaveLength(count)
  })

  test.each([[{ transforms: ['middle-out'] }], [{ plugins: [{ id: 'context-compression' }] }]])(
    'is compressed with %j',
    async (extra) => {
      expect((await ask('wide', extra, longer)).sent.messages.length).toBeLessThan(longer.length)
    },
  )
})
