import { streamText } from 'ai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientsOn } from '../support/openrouter-clients.ts'
import { eventsOf, schemaErrorsOf } from '../support/openrouter-schema.ts'
import { openaiAt, openrouterAt } from '../support/providers-env.ts'
import { json, scriptedUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'

const USAGE = { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100 }
const calls = [{ id: 'call_1', type: 'function', function: { name: 'add', arguments: '{"a":1}' } }]

/** A provider that never streams, whatever the request says. */
function whole(message: object, extra: object = {}) {
  return json(200, {
    id: 'theirs-1',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'theirs',
    system_fingerprint: null,
    choices: [{ index: 0, message: { role: 'assistant', refusal: null, ...message }, finish_reason: 'stop' }],
    usage: USAGE,
    ...extra,
  })
}

let openai: ScriptedUpstream
let router: ScriptedUpstream
let broker: Broker
let clients: ReturnType<typeof clientsOn>
beforeAll(async () => {
  openai = await scriptedUpstream(({ body }) => {
    const { tools } = body as { tools?: unknown }
    return [tools === undefined ? whole({ content: 'one two' }) : whole({ content: null, tool_calls: calls })]
  })
  router = await scriptedUpstream([
    whole({ content: 'one two' }, { provider: 'DeepInfra', usage: { ...USAGE, cost: 0.0005 } }),
  ])
  broker = await startBroker({ env: { ...openaiAt(openai), ...openrouterAt(router) } })
  clients = clientsOn(broker.sockets.rest)
}, 30_000)
afterAll(async () => {
  for (const open of [clients, broker, openai, router]) await open[Symbol.asyncDispose]()
})

const messages = [{ role: 'user' as const, content: 'count' }]
const model = 'gpt-4o-mini'
const stream = (body: object) =>
  broker.post('/v1/chat/completions', { model, messages, stream: true, ...body })

test('an unstreamed response to a stream request is sent as a stream, and billed once', async () => {
  const { status, text, headers } = await stream({ provider: { only: ['openai'] } })
  const events = eventsOf(text)
  for (const data of events)
    expect(schemaErrorsOf('POST /chat/completions text/event-stream', { data })).toEqual([])
  expect([status, headers['content-type'], text.endsWith('data: [DONE]\n\n')]).toEqual([
    200,
    'text/event-stream; charset=utf-8',
    true,
  ])
  expect(events[0]).toMatchObject({ choices: [{ delta: { content: 'one two' }, finish_reason: 'stop' }] })
  // $0.15 a million in, $0.60 out: 1,000 × 150 + 100 × 600 nano-dollars.
  expect(events.at(-1)).toMatchObject({ usage: { ...USAGE, cost: 0.00021 } })
  await expect
    .poll(() => broker.rows().find(({ id }) => id === headers['x-generation-id']))
    .toMatchObject({ cost_nano: 210_000, status: 'finished' })
})

test('the clients read an unstreamed response as a stream, with tool calls, too', async () => {
  const { openai: client, aiSdk, openrouter } = clients
  const tools = [{ type: 'function' as const, function: { name: 'add', parameters: { type: 'object' } } }]
  const final = await client.chat.completions.stream({ model, messages, tools }).finalChatCompletion()
  expect(final.choices[0]?.message.tool_calls?.[0]).toMatchObject(calls[0] ?? {})
  expect(await streamText({ model: aiSdk(model), prompt: 'count', maxRetries: 0 }).text).toBe('one two')
  const sent = await openrouter.chat.send({ chatRequest: { model, messages, stream: true } })
  if ('choices' in sent) throw new Error('no stream')
  let received = ''
  for await (const chunk of sent) received += chunk.choices[0]?.delta.content ?? ''
  expect(received).toBe('one two')
})

test('an unstreamed response of OpenRouter becomes chunks without forbidden nulls, at the cost that it charged', async () => {
  const { text, headers } = await stream({ provider: { only: ['openrouter'] } })
  const [chunk] = eventsOf(text)
  expect(schemaErrorsOf('POST /chat/completions text/event-stream', { data: chunk })).toEqual([])
  expect(chunk).toMatchObject({
    object: 'chat.completion.chunk',
    provider: 'DeepInfra',
    usage: { cost: 0.0005 },
  })
  expect(chunk).not.toHaveProperty('system_fingerprint')
  await expect
    .poll(() => broker.rows().find(({ id }) => id === headers['x-generation-id']))
    .toMatchObject({ cost_nano: 500_000 })
})
