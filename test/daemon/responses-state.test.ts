import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openaiClient } from '../support/openai-client.ts'
import { openaiAt } from '../support/providers-env.ts'
import {
  chatChunk,
  done,
  finishChunk,
  json,
  scriptedUpstream,
  sse,
  usageChunk,
  type ReceivedRequest,
  type ScriptedUpstream,
  type Step,
} from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'

const model = 'gpt-4o-mini'
const USAGE = { prompt_tokens: 30, completion_tokens: 4, total_tokens: 34 }

let upstream: ScriptedUpstream
let broker: Broker
let client: ReturnType<typeof openaiClient>
beforeAll(async () => {
  upstream = await scriptedUpstream(scenes)
  broker = await startBroker({ env: openaiAt(upstream) })
  client = openaiClient(broker.sockets.rest)
}, 30_000)
afterAll(async () => {
  for (const open of [client, broker, upstream]) await open[Symbol.asyncDispose]()
})

function scenes({ body }: ReceivedRequest): readonly Step[] {
  const { stream, messages } = body as { stream?: boolean; messages: readonly object[] }
  const last = JSON.stringify(messages.at(-1))
  if (last.includes('busy')) return [json(429, { error: { message: 'slow down' } }, { 'retry-after': '7' })]
  if (stream === true) return [sse(chatChunk('hel'), chatChunk('lo'), finishChunk(), usageChunk(USAGE), done)]
  const choices = [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }]
  return [json(200, { id: 'x', object: 'chat.completion', created: 1, model, choices, usage: USAGE })]
}

const sent = (): readonly object[] =>
  (upstream.requests.at(-1) as { readonly body: { readonly messages: readonly object[] } }).body.messages

describe('responses that are kept', () => {
  test('a request goes on from an earlier one, without its instructions', async () => {
    const first = await client.responses.create({ model, input: 'one', instructions: 'be brief' })
    const second = await client.responses
      .stream({ model, input: 'two', previous_response_id: first.id })
      .finalResponse()
    expect(sent()).toEqual([
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'hello' },
      { role: 'user', content: 'two' },
    ])
    expect(second.previous_response_id).toBe(first.id)
    await client.responses.create({ model, input: 'three', previous_response_id: second.id })
    expect(sent()).toHaveLength(5)
  })

  test('a response is found by its id, and is gone after it was deleted', async () => {
    const { output_text: _text, ...created } = await client.responses.create({ model, input: 'hi' })
    const found = await client.responses.retrieve(created.id)
    expect(found).toMatchObject({ id: created.id, output: created.output, status: 'completed' })
    await client.responses.delete(created.id)
    await expect(client.responses.retrieve(created.id)).rejects.toMatchObject({ status: 404 })
    await expect(
      client.responses.create({ model, input: 'hi', previous_response_id: created.id }),
    ).rejects.toMatchObject({ status: 400, param: 'previous_response_id' })
  })

  test('with store: false nothing is kept', async () => {
    const { id } = await client.responses.create({ model, input: 'hi', store: false })
    await expect(client.responses.retrieve(id)).rejects.toMatchObject({ status: 404 })
  })

  test('no other context finds a response', async () => {
    const { id } = await client.responses.create({ model, input: 'hi' })
    const other = { headers: { 'x-hero-context': '7' } }
    expect((await broker.get(`/v1/responses/${id}`, other)).status).toBe(404)
    expect((await broker.get(`/v1/responses/${id}`)).status).toBe(200)
  })

  test('the items of the input are listed by pages, newest first', async () => {
    const input = ['a', 'b', 'c'].map((content) => ({ role: 'user' as const, content }))
    const { id } = await client.responses.create({ model, input })
    const contents: unknown[] = []
    for await (const item of client.responses.inputItems.list(id, { limit: 2 }))
      contents.push((item as { content?: unknown }).content)
    expect(contents).toEqual(['c', 'b', 'a'])
    const page = await client.responses.inputItems.list(id, { limit: 2, order: 'asc' })
    expect(page.data.map((item) => (item as { content?: unknown }).content)).toEqual(['a', 'b'])
  })
})

describe('the other routes of the Responses API', () => {
  test('a response in the background is queued at once, and is found when it is complete', async () => {
    const queued = await client.responses.create({ model, input: 'hi', background: true })
    expect(queued).toMatchObject({ status: 'queued', background: true, output: [] })
    await expect.poll(async () => (await client.responses.retrieve(queued.id)).status).toBe('completed')
    expect(await client.responses.retrieve(queued.id)).toMatchObject({ output_text: 'hello' })
    expect(broker.rows().at(-1)).toMatchObject({ status: 'finished' })
  })

  test('a response that is not in the background cannot be cancelled', async () => {
    const { id } = await client.responses.create({ model, input: 'hi' })
    await expect(client.responses.cancel(id)).rejects.toMatchObject({ status: 400 })
  })

  test('input_tokens counts, and calls no provider', async () => {
    const before = upstream.requests.length
    const { input_tokens: short } = await client.responses.inputTokens.count({ model, input: 'hi' })
    const { input_tokens: long } = await client.responses.inputTokens.count({
      model,
      input: 'word '.repeat(200),
    })
    expect(long).toBeGreaterThan(short + 150)
    expect(upstream.requests.length).toBe(before)
  })

  test('a WebSocket is refused with 426, after which Codex goes on over HTTP', async () => {
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-version': '13',
    }
    expect((await broker.get('/v1/responses', { headers })).status).toBe(426)
    expect((await broker.get('/v1/responses')).status).toBe(405)
  })

  // The last, since the key cools down after it.
  test('a limit of the provider is a failed response for Codex, and a 429 for others', async () => {
    const request = { model, input: 'busy', stream: true }
    const plain = await broker.post('/v1/responses', request)
    expect(plain.status).toBe(429)
    const codex = await broker.post('/v1/responses', request, { headers: { originator: 'codex_exec' } })
    expect(codex.status).toBe(200)
    expect(codex.text).toContain('event: response.failed')
    expect(codex.text).toMatch(/"code":"rate_limit_exceeded","message":"[^"]*try again in \d+s/)
  })
})
