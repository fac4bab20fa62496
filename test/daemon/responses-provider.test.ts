import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anthropicClient } from '../support/anthropic-client.ts'
import { openaiClient } from '../support/openai-client.ts'
import {
  cut,
  json,
  raw,
  scriptedUpstream,
  type ReceivedRequest,
  type ScriptedUpstream,
  type Step,
} from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const model = 'thinker'
const USAGE = {
  input_tokens: 1000,
  input_tokens_details: { cached_tokens: 400 },
  output_tokens: 50,
  output_tokens_details: { reasoning_tokens: 20 },
  total_tokens: 1050,
}
const HEAD = { id: 'resp_up', object: 'response', model: 'thinker-1', error: null, incomplete_details: null }
const REASONING = {
  id: 'rs_up',
  type: 'reasoning',
  summary: [{ type: 'summary_text', text: 'hm' }],
  encrypted_content: 'gAAA+blob/==',
}
const MESSAGE = {
  id: 'msg_up',
  type: 'message',
  role: 'assistant',
  status: 'completed',
  phase: 'final_answer',
  content: [{ type: 'output_text', text: 'hello', annotations: [], logprobs: [] }],
}
const CALL = {
  id: 'fc_up',
  type: 'function_call',
  status: 'completed',
  call_id: 'call_up',
  name: 'weather',
  arguments: '{"city":"Ghent"}',
}

let number = 0
const event = (type: string, fields: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: number++, ...fields })}\n\n`
const item = (output_index: number, whole: { readonly id: string }, ...deltas: readonly string[]): string =>
  event('response.output_item.added', { output_index, item: { ...whole, content: [], arguments: '' } }) +
  deltas.join('') +
  event('response.output_item.done', { output_index, item: whole })
const start = (): string =>
  event('response.created', { response: { ...HEAD, status: 'in_progress', output: [] } })
const end = (...output: readonly object[]): string =>
  event('response.completed', { response: { ...HEAD, status: 'completed', output, usage: USAGE } })
const text = (output_index: number, delta: string): string =>
  event('response.output_text.delta', {
    item_id: 'msg_up',
    output_index,
    content_index: 0,
    delta,
    logprobs: [],
  })
const part = (output_index: number): string =>
  event('response.content_part.added', {
    item_id: 'msg_up',
    output_index,
    content_index: 0,
    part: { type: 'output_text', text: '', annotations: [] },
  })

function scenes({ body }: ReceivedRequest): readonly Step[] {
  number = 0
  const { stream, input } = body as { stream?: boolean; input: unknown }
  const last = JSON.stringify(Array.isArray(input) ? input.at(-1) : input)
  if (stream !== true)
    return [json(200, { ...HEAD, status: 'completed', output: [REASONING, MESSAGE], usage: USAGE })]
  if (last.includes('break')) return [raw(start() + item(0, REASONING)), cut]
  if (last.includes('weather')) {
    const piece = (delta: string) =>
      event('response.function_call_arguments.delta', { item_id: 'fc_up', output_index: 1, delta })
    return [
      raw(
        start() +
          item(0, REASONING) +
          item(1, CALL, piece('{"city":'), piece('"Ghent"}')) +
          end(REASONING, CALL),
      ),
    ]
  }
  return [
    raw(
      start() +
        item(0, REASONING) +
        item(1, MESSAGE, part(1), text(1, 'hel'), text(1, 'lo')) +
        end(REASONING, MESSAGE),
    ),
  ]
}

const folder = tempFolder()
let upstream: ScriptedUpstream
let broker: Broker
let openai: ReturnType<typeof openaiClient>
let anthropic: ReturnType<typeof anthropicClient>
beforeAll(async () => {
  upstream = await scriptedUpstream(scenes)
  const path = join(folder.path, 'models.yml')
  writeFileSync(
    path,
    `models:
  thinker:
    context_window: 100000
    backends: [{provider: vendor, model_id: thinker-1, input_cost: 1, output_cost: 2}]
providers:
  vendor: {protocol: responses, base_url: '${upstream.baseUrl}', keys: [{env: VENDOR_KEY}]}
`,
  )
  broker = await startBroker({ env: { MODELS_CONFIG_PATH: path, VENDOR_KEY: 'sk-canary' } })
  openai = openaiClient(broker.sockets.rest)
  anthropic = anthropicClient(broker.sockets.rest)
}, 30_000)
afterAll(async () => {
  for (const open of [anthropic, openai, broker, upstream]) await open[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

const received = (): ReceivedRequest => upstream.requests.at(-1) as ReceivedRequest

describe('a provider that speaks the Responses API', () => {
  test('serves a chat, and keeps no state of it', async () => {
    const response = await openai.chat.completions.create({
      model,
      messages: [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: 'hi' },
      ],
      max_tokens: 64,
    })
    expect(response.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: 'hello' } })
    expect(response.usage).toMatchObject({
      prompt_tokens: 1000,
      prompt_tokens_details: { cached_tokens: 400 },
      completion_tokens: 50,
      completion_tokens_details: { reasoning_tokens: 20 },
    })
    expect(received().path).toBe('/v1/responses')
    expect(received().headers['authorization']).toBe('Bearer sk-canary')
    expect(received().body).toEqual({
      model: 'thinker-1',
      input: [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: 'hi' },
      ],
      max_output_tokens: 64,
      store: false,
    })
  })

  test('streams the call of a tool to a client of chats', async () => {
    const stream = openai.chat.completions.stream({
      model,
      messages: [{ role: 'user', content: 'weather' }],
      tools: [
        { type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: {} } } },
      ],
    })
    const { choices } = await stream.finalChatCompletion()
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        tool_calls: [{ id: 'call_up', function: { name: 'weather', arguments: '{"city":"Ghent"}' } }],
      },
    })
    expect(received().body).toMatchObject({ tools: [{ type: 'function', name: 'weather', strict: false }] })
  })

  test('an encrypted thought goes through Anthropic’s client and comes back to its maker', async () => {
    const ask = { role: 'user' as const, content: 'hi' }
    const first = await anthropic.messages.stream({ model, max_tokens: 64, messages: [ask] }).finalMessage()
    expect(JSON.stringify(first.content)).not.toContain('"gAAA')
    await anthropic.messages.create({
      model,
      max_tokens: 64,
      messages: [ask, { role: 'assistant', content: first.content }, { role: 'user', content: 'more' }],
    })
    const { input } = received().body as { input: readonly object[] }
    expect(input).toContainEqual(
      expect.objectContaining({ type: 'reasoning', encrypted_content: REASONING.encrypted_content }),
    )
  })

  test('passes a request of its own dialect on as it is, but for the model and the state', async () => {
    const request = { model, input: [{ role: 'user', content: 'hi' }], store: false, metadata: { a: 'b' } }
    const sent = JSON.stringify(request, null, 1)
    await broker.post('/v1/responses', sent)
    expect(received().raw.toString()).toBe(sent.replace(model, 'thinker-1'))
  })

  test('passes its events on, sealed and under our ids, to a client of its own dialect', async () => {
    const stream = openai.responses.stream({ model, input: 'hi' })
    const types: string[] = []
    for await (const { type } of stream) types.push(type)
    const response = await stream.finalResponse()
    expect(types.filter((type) => type === 'response.created')).toHaveLength(1)
    expect(response.id).not.toBe('resp_up')
    expect(response).toMatchObject({
      model,
      output_text: 'hello',
      output: [
        { type: 'reasoning', encrypted_content: expect.stringMatching(/^aib1\./) as string },
        { type: 'message', phase: 'final_answer' },
      ],
      usage: { input_tokens: 1000, total_tokens: 1050 },
    })
    const input = [...response.output, { role: 'user', content: 'more' }] as never
    await openai.responses.create({ model, input })
    expect(received().body).toMatchObject({
      input: [{ type: 'reasoning', encrypted_content: REASONING.encrypted_content }, {}, {}],
    })
  })

  test('what it would bill on its own is left out, and named', async () => {
    const tools = [{ type: 'web_search' }, { type: 'function', name: 'look', parameters: {} }]
    const { headers } = await broker.post('/v1/responses', {
      model,
      input: 'hi',
      tools,
      service_tier: 'priority',
    })
    expect(headers['x-aibroker-left-out']).toBe('service_tier, web_search')
    expect(received().body).toMatchObject({ tools: [{ name: 'look' }] })
    expect(received().body).not.toHaveProperty('service_tier')
  })

  test.each([
    ['stop', { stop: 'END' }],
    ['logprobs', { logprobs: true }],
  ])('a chat with %s is refused by the name of the field', async (name, fields) => {
    const response = await broker.post('/v1/chat/completions', {
      model,
      messages: [{ role: 'user', content: 'hi' }],
      ...fields,
    })
    expect(response.status).toBe(400)
    expect(JSON.stringify(response.json)).toContain(name)
  })

  test('a stream that breaks off before its end is a failed response', async () => {
    const response = await openai.responses.stream({ model, input: 'break' }).finalResponse()
    expect(response).toMatchObject({ status: 'failed', output: [{ type: 'reasoning' }] })
  })
})
