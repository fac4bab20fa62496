import { expect, test } from 'vitest'
import {
  json,
  scriptedUpstream,
  sse,
  chatChunk,
  finishChunk,
  done,
  type ReceivedRequest,
} from '../support/scripted-upstream.ts'
import { startBroker } from '../support/start-broker.ts'
import { groqAt, openaiAt } from '../support/providers-env.ts'

const messages = [{ role: 'user', content: 'hi' }]
const whole = {
  id: 'x',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
}

/** Knows the roles of Alibaba’s documentation, and refuses others in its words. */
function alibaba({ body }: ReceivedRequest) {
  const [first] = (body as { messages: { role: string }[] }).messages
  if (first?.role !== 'developer') return [json(200, whole)]
  const message =
    "developer is not one of ['system', 'assistant', 'user', 'tool', 'function'] - 'messages.[0].role'"
  return [
    json(400, {
      error: { code: 'invalid_parameter_error', param: null, message, type: 'invalid_request_error' },
    }),
  ]
}

test('a developer’s message is answered by a provider that has no such role', async () => {
  await using upstream = await scriptedUpstream(alibaba)
  const env = { ALIBABA_API_KEY: 'test-key', AIBROKER_ALIBABA_URL: upstream.baseUrl }
  await using broker = await startBroker({ env })
  const answer = await broker.post('/v1/chat/completions', {
    model: 'qwen3-max',
    messages: [{ role: 'developer', content: 'Be short.' }, ...messages],
  })
  expect(answer.status).toBe(200)
  expect(upstream.requests.at(-1)?.body).toMatchObject({
    messages: [{ role: 'system', content: 'Be short.' }, {}],
  })
})

test.each([false, true])('a header names what was left out of a request (streamed: %s)', async (stream) => {
  const script = stream ? [sse(chatChunk('ok'), finishChunk(), done)] : [json(200, whole)]
  await using upstream = await scriptedUpstream(script)
  await using broker = await startBroker({ env: openaiAt(upstream) })
  const ask = (extra: object) =>
    broker.post('/v1/chat/completions', { model: 'gpt-4o-mini', messages, stream, ...extra })
  const { status, headers } = await ask({ top_k: 3, min_p: 0.1, seed: 4, stop: ['1', '2', '3', '4', '5'] })
  expect([status, headers['x-aibroker-left-out']]).toEqual([200, 'top_k, min_p, stop'])
  expect(upstream.requests.at(-1)?.body).not.toHaveProperty('top_k')
  expect(upstream.requests.at(-1)?.body).toMatchObject({ seed: 4 })
  expect((await ask({ temperature: 1 })).headers).not.toHaveProperty('x-aibroker-left-out')
})

test('the list of models names only parameters that an endpoint takes, and routing knows them', async () => {
  await using upstream = await scriptedUpstream([json(200, whole)])
  await using broker = await startBroker({ env: { ...openaiAt(upstream), ...groqAt(upstream) } })
  const { json: list } = await broker.get('/api/v1/models')
  const models = (list as { data: { id: string; supported_parameters: string[] }[] }).data
  const parametersOf = (id: string) => models.find((model) => model.id === id)?.supported_parameters
  expect(parametersOf('gpt-4o-mini')).toEqual(expect.arrayContaining(['temperature', 'stop', 'tools']))
  expect(parametersOf('gpt-5-mini')).toEqual(expect.arrayContaining(['max_tokens', 'reasoning']))
  expect(parametersOf('gpt-5-mini')).not.toContain('temperature')
  const { status, json: refused } = await broker.post('/api/v1/chat/completions', {
    model: 'gpt-5-mini',
    messages,
    temperature: 0,
    provider: { require_parameters: true },
  })
  expect([status, refused]).toMatchObject([
    404,
    { error: { message: expect.stringContaining('parameters') as string } },
  ])
})
