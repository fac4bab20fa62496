// How the daemon refuses requests without calling a provider.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openaiAt } from '../support/providers-env.ts'
import { scriptedUpstream, stall, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'

const CHAT = '/v1/chat/completions'
const messages = [{ role: 'user', content: 'hi' }]

let upstream: ScriptedUpstream
let broker: Broker

beforeAll(async () => {
  upstream = await scriptedUpstream([stall])
  broker = await startBroker({ env: { ...openaiAt(upstream), AIBROKER_BODY_LIMIT_MB: '1' } })
})

afterAll(async () => {
  await broker[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

test('a body over the limit is refused with 413', async () => {
  const content = 'x'.repeat(1024 * 1024)
  const answer = await broker.post(CHAT, { model: 'gpt-4o-mini', messages: [{ role: 'user', content }] })
  expect(answer.status).toBe(413)
  expect(answer.json).toMatchObject({
    error: { code: 'request_too_large', metadata: { error_type: 'payload_too_large' } },
  })
})

test('a body that is not JSON is refused with the line and column of the mistake', async () => {
  const answer = await broker.post(CHAT, '{\n  "model": "gpt-4o-mini",\n  "messages": [}]\n}')
  expect(answer.status).toBe(400)
  expect(answer.json).toMatchObject({
    error: { code: 'invalid_request', message: expect.stringContaining('line 3, column 16') as string },
  })
})

test('a request without messages is refused with the name of the missing field', async () => {
  const answer = await broker.post(CHAT, { model: 'gpt-4o-mini' })
  expect(answer.status).toBe(400)
  expect(answer.text).toContain('messages')
})

test('an unknown model is refused with the nearest names', async () => {
  const answer = await broker.post(CHAT, { model: 'gpt-4o-mimi', messages })
  expect(answer.status).toBe(404)
  expect(answer.json).toMatchObject({
    error: {
      code: 'model_not_found',
      param: 'model',
      message: expect.stringContaining('“gpt-4o-mini”') as string,
    },
  })
})

test('a model without a configured provider is refused with the variable to set', async () => {
  const answer = await broker.post(CHAT, { model: 'qwen3-max', messages })
  expect(answer.status).toBe(404)
  expect(answer.text).toContain('ALIBABA_API_KEY')
})

test('an unknown path and a wrong method get different errors', async () => {
  expect(await broker.get('/v1/chat')).toMatchObject({ status: 404, json: { error: { code: 'not_found' } } })
  const wrong = await broker.get(CHAT)
  expect(wrong).toMatchObject({ status: 405, json: { error: { code: 'method_not_supported' } } })
  expect(wrong.headers.allow).toContain('POST')
})

test('no refused request reaches the provider or the ledger', () => {
  expect(upstream.requests).toEqual([])
  expect(broker.rows()).toEqual([])
})
