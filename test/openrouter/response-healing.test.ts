import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openaiAt, openrouterAt } from '../support/providers-env.ts'
import { json, scriptedUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'

const BROKEN = '```json\n{"answer": 42,}\n```'

let openai: ScriptedUpstream
let router: ScriptedUpstream
let broker: Broker
beforeAll(async () => {
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
  const choices = [{ index: 0, message: { role: 'assistant', content: BROKEN }, finish_reason: 'stop' }]
  const broken = json(200, { object: 'chat.completion', created: 1, choices, usage })
  ;[openai, router] = await Promise.all([scriptedUpstream([broken]), scriptedUpstream([broken])])
  broker = await startBroker({ env: { ...openaiAt(openai), ...openrouterAt(router) } })
}, 30_000)
afterAll(async () => {
  for (const open of [broker, openai, router]) await open[Symbol.asyncDispose]()
})

const messages = [{ role: 'user', content: 'the answer?' }]
const plugins = [{ id: 'response-healing' }]
const response_format = { type: 'json_object' }

async function contentFor(body: object): Promise<unknown> {
  const { json: response } = await broker.post('/api/v1/chat/completions', {
    model: 'gpt-4o-mini',
    messages,
    provider: { only: ['openai'] },
    ...body,
  })
  return (response as { choices?: { message: { content: unknown } }[] }).choices?.[0]?.message.content
}

describe('the plugin “response-healing”', () => {
  test.each([
    { type: 'json_object' },
    { type: 'json_schema', json_schema: { name: 'a', schema: { type: 'object' } } },
  ])('repairs the JSON of an unstreamed response (%j) and is not sent to the provider', async (format) => {
    expect(await contentFor({ plugins, response_format: format })).toBe('{"answer":42}')
    expect(openai.requests.at(-1)?.body).not.toHaveProperty('plugins')
  })

  test('repairs nothing unless the request enables it', async () => {
    expect(await contentFor({ response_format })).toBe(BROKEN)
    const off = [{ id: 'response-healing', enabled: false }]
    expect(await contentFor({ response_format, plugins: off })).toBe(BROKEN)
  })

  test('is passed on to OpenRouter, which runs it itself', async () => {
    expect(await contentFor({ plugins, response_format, provider: { only: ['openrouter'] } })).toBe(BROKEN)
    expect(router.requests.at(-1)?.body).toMatchObject({ plugins })
  })

  test.each([
    ['for a stream', { plugins, response_format, stream: true }],
    ['without a JSON response_format', { plugins }],
  ])('is refused %s', async (_name, body) => {
    const { status, json: parsed } = await broker.post('/api/v1/chat/completions', {
      model: 'gpt-4o-mini',
      messages,
      provider: { only: ['openai'] },
      ...body,
    })
    expect(status).toBe(400)
    expect(parsed).toMatchObject({ error: { message: expect.stringContaining('plain answer in JSON') } })
  })
})
