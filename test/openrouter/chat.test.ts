import { generateText, streamText } from 'ai'
import { expect, test } from 'vitest'
import { clientsOn } from '../support/openrouter-clients.ts'
import { eventsOf, schemaErrorsOf } from '../support/openrouter-schema.ts'
import { openaiAt } from '../support/providers-env.ts'
import {
  chatChunk,
  done,
  finishChunk,
  json,
  scriptedUpstream,
  sse,
  usageChunk,
  type Script,
} from '../support/scripted-upstream.ts'
import { startBroker } from '../support/start-broker.ts'

const USAGE = {
  prompt_tokens: 10,
  completion_tokens: 4,
  total_tokens: 14,
  prompt_tokens_details: { cached_tokens: 0 },
}

const says: Script = ({ body }) =>
  (body as { stream?: boolean }).stream === true
    ? [sse(chatChunk('one '), chatChunk('two'), finishChunk(), usageChunk(USAGE), done)]
    : [json(200, respond({ content: 'one two' }))]

function respond(message: object, reason = 'stop') {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'gpt-4o-mini-2024-07-18',
    choices: [
      { index: 0, message: { role: 'assistant', ...message }, logprobs: null, finish_reason: reason },
    ],
    usage: USAGE,
  }
}

const messages = [{ role: 'user' as const, content: 'count' }]
const model = 'gpt-4o-mini'

test('an unstreamed response has OpenRouter’s format in every field', async () => {
  await using upstream = await scriptedUpstream(says)
  await using broker = await startBroker({ env: openaiAt(upstream) })
  const { json: body, headers } = await broker.post('/api/v1/chat/completions', { model, messages })
  expect(schemaErrorsOf('POST /chat/completions application/json', body)).toEqual([])
  expect(body).toMatchObject({
    id: headers['x-generation-id'],
    object: 'chat.completion',
    provider: 'OpenAI',
    model,
    system_fingerprint: null,
    choices: [
      { finish_reason: 'stop', native_finish_reason: 'stop', message: { content: 'one two', refusal: null } },
    ],
    usage: { cost: 0.0000039, is_byok: false, cost_details: { upstream_inference_prompt_cost: 0.0000015 } },
    x_aibroker: { endpoint: 'openai/gpt-4o-mini', attempts: 1, cost: 0.0000039 },
  })
})

test('every chunk of a stream has OpenRouter’s format, and usage comes last and once', async () => {
  await using upstream = await scriptedUpstream(says)
  await using broker = await startBroker({ env: openaiAt(upstream) })
  const { text } = await broker.post('/api/v1/chat/completions', { model, messages, stream: true })
  const events = eventsOf(text)
  for (const data of events)
    expect(schemaErrorsOf('POST /chat/completions text/event-stream', { data })).toEqual([])
  expect(events.map(({ choices }) => (choices as { delta: object }[])[0]?.delta)).toEqual([
    { role: 'assistant', content: 'one ' },
    { role: 'assistant', content: 'two' },
    { role: 'assistant', content: '' },
    { role: 'assistant', content: '' },
  ])
  expect(events.map(({ usage }) => usage !== undefined)).toEqual([false, false, false, true])
  expect(events.at(-2)).toMatchObject({ choices: [{ finish_reason: 'stop', native_finish_reason: 'stop' }] })
  expect(events.at(-1)).toMatchObject({
    choices: [{ index: 0, finish_reason: null, native_finish_reason: null }],
    usage: { cost: 0.0000039 },
  })
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
})

test('the real clients read responses and streams', async () => {
  await using upstream = await scriptedUpstream(says)
  await using broker = await startBroker({ env: openaiAt(upstream) })
  await using clients = clientsOn(broker.sockets.rest)
  const { openai, openrouter, aiSdk } = clients

  const plain = await openai.chat.completions.create({ model, messages })
  expect(plain.choices[0]?.message.content).toBe('one two')
  let received = ''
  for await (const chunk of openai.chat.completions.stream({ model, messages }))
    received += chunk.choices[0]?.delta.content ?? ''
  expect(received).toBe('one two')

  const sent = await openrouter.chat.send({ chatRequest: { model, messages, stream: false } })
  expect('choices' in sent && sent.choices[0]?.message.content).toBe('one two')
  const stream = await openrouter.chat.send({ chatRequest: { model, messages, stream: true } })
  received = ''
  if ('choices' in stream) throw new Error('no stream')
  for await (const chunk of stream) received += chunk.choices[0]?.delta.content ?? ''
  expect(received).toBe('one two')

  const generated = await generateText({ model: aiSdk(model), prompt: 'count', maxRetries: 0 })
  expect(generated.text).toBe('one two')
  const streamed = streamText({ model: aiSdk(model), prompt: 'count', maxRetries: 0 })
  expect(await streamed.text).toBe('one two')
  expect(await streamed.finishReason).toBe('stop')
  expect((await streamed.providerMetadata)?.['openrouter']).toMatchObject({
    provider: 'OpenAI',
    usage: { cost: 0.0000039 },
  })
})
