import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
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
  type ScriptedUpstream,
} from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'

const USAGE = { prompt_tokens: 10, completion_tokens: 4, total_tokens: 14 }

let upstream: ScriptedUpstream
let broker: Broker
beforeAll(async () => {
  upstream = await scriptedUpstream(({ path, body }, nth) => {
    const { stream, messages } = body as { stream?: boolean; messages?: { content: string }[] }
    if (messages?.[0]?.content === 'fail') return [json(400, { error: { message: 'no' } })]
    if (path.endsWith('/embeddings'))
      return [
        json(200, { data: [{ index: 0, embedding: [nth] }], usage: { prompt_tokens: 5, total_tokens: 5 } }),
      ]
    if (stream === true) return [sse(chatChunk(`answer ${nth}`), finishChunk(), usageChunk(USAGE), done)]
    const message = { role: 'assistant', content: `answer ${nth}` }
    return [
      json(200, {
        object: 'chat.completion',
        created: 1,
        choices: [{ index: 0, message, finish_reason: 'stop' }],
        usage: USAGE,
      }),
    ]
  })
  broker = await startBroker({ env: openaiAt(upstream) })
}, 30_000)
afterAll(async () => {
  await broker[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

/** Every test sends messages of its own. */
let requestNumber = 0
beforeEach(() => void requestNumber++)

interface ChatResponse {
  id: string
  choices: { message: { content: string } }[]
  usage: { cost: number; total_tokens: number }
}

async function ask(extra: object = {}, headers: object = {}, path = '/api/v1/chat/completions') {
  const messages = [{ role: 'user', content: `question ${requestNumber}` }]
  const {
    headers: responseHeaders,
    text,
    status,
  } = await broker.post(
    path,
    { model: 'gpt-4o-mini', messages, ...extra },
    { headers: { 'x-openrouter-cache': 'true', ...headers } },
  )
  const cached = Object.fromEntries(
    ['status', 'ttl', 'age', 'source-id'].flatMap((name) => {
      const value = responseHeaders[`x-openrouter-cache-${name}`]
      return value === undefined ? [] : [[name, value]]
    }),
  )
  return {
    status,
    text,
    cached,
    id: String(responseHeaders['x-generation-id']),
    response: () => JSON.parse(text) as ChatResponse,
  }
}

describe('a repeated request with the response cache on', () => {
  test('is served from the cache: a new id, no usage, no cost, nothing sent upstream', async () => {
    const first = await ask()
    const before = upstream.requests.length
    const again = await ask({}, { 'x-openrouter-metadata': 'enabled' })
    expect(upstream.requests.length).toBe(before)
    expect([first.cached, again.cached]).toEqual([
      { status: 'MISS', ttl: '300' },
      { status: 'HIT', ttl: '300', age: expect.stringMatching(/^\d+$/), 'source-id': first.id },
    ])
    const [original, repeated] = [first.response(), again.response()]
    expect(schemaErrorsOf('POST /chat/completions application/json', repeated)).toEqual([])
    expect(repeated.choices).toEqual(original.choices)
    expect(repeated.usage).toMatchObject({ cost: 0, total_tokens: 0 })
    expect([repeated.id, repeated.id === original.id]).toEqual([again.id, false])
    expect(repeated).not.toHaveProperty('openrouter_metadata')
  })

  test('has a ledger row of its own, at no cost', async () => {
    await ask()
    const { id } = await ask()
    await expect
      .poll(() => broker.rows().find((row) => row['id'] === id))
      .toMatchObject({ cost_nano: 0, prompt_tokens: 0, status: 'finished', provider: 'cache' })
    const { json: found } = await broker.get(`/api/v1/generation?id=${id}`)
    expect(schemaErrorsOf('GET /generation application/json', found)).toEqual([])
    expect(found).toMatchObject({ data: { id, total_cost: 0 } })
    expect(broker.openHolds()).toBe(0)
  })

  test('is served as a stream if it is one, and does not hit an unstreamed response', async () => {
    const plain = await ask()
    const first = await ask({ stream: true })
    const again = await ask({ stream: true })
    expect([plain, first, again].map(({ cached }) => cached['status'])).toEqual(['MISS', 'MISS', 'HIT'])
    const [original, repeated] = [eventsOf(first.text), eventsOf(again.text)]
    expect(repeated.map(({ choices }) => choices)).toEqual(original.map(({ choices }) => choices))
    expect(new Set(repeated.map(({ id }) => id))).toEqual(new Set([again.id]))
    expect(repeated.at(-1)).toMatchObject({ usage: { total_tokens: 0, cost: 0 } })
    expect(again.text.endsWith('data: [DONE]\n\n')).toBe(true)
  })

  test('hits with other white space in its body, but not with another order of fields or from another caller', async () => {
    await ask({ seed: 1 })
    expect((await ask({ seed: 1 }, {}, '/v1/chat/completions')).cached['status']).toBe('HIT')
    const messages = [{ role: 'user', content: `question ${requestNumber}` }]
    const spaced = JSON.stringify({ model: 'gpt-4o-mini', messages, seed: 1 }, undefined, 2)
    const { headers } = await broker.post('/api/v1/chat/completions', JSON.parse(spaced), {
      headers: { 'x-openrouter-cache': 'true' },
    })
    expect(headers['x-openrouter-cache-status']).toBe('HIT')
    const other = { seed: 1, model: 'gpt-4o-mini', messages }
    const turned = await broker.post('/api/v1/chat/completions', other, {
      headers: { 'x-openrouter-cache': 'true' },
    })
    expect(turned.headers['x-openrouter-cache-status']).toBe('MISS')
    expect((await ask({ seed: 1 }, { 'x-forwarded-for': '10.0.0.9' })).cached['status']).toBe('MISS')
  })
})

test('an embedding is cached, too', async () => {
  const body = { model: 'text-embedding-3-small', input: 'hi', messages: undefined }
  const first = await ask(body, {}, '/api/v1/embeddings')
  const again = await ask(body, {}, '/api/v1/embeddings')
  expect(again.cached['status']).toBe('HIT')
  expect(JSON.parse(again.text)).toMatchObject({
    data: (JSON.parse(first.text) as { data: unknown }).data,
    usage: { prompt_tokens: 0, cost: 0 },
  })
})

test.each([
  [{ 'x-openrouter-cache-ttl': '60' }, '60'],
  [{ 'x-openrouter-cache-ttl': '60s' }, '60'],
  [{ 'x-openrouter-cache-ttl': '0' }, '1'],
  [{ 'x-openrouter-cache-ttl': '999999' }, '86400'],
  [{ 'x-openrouter-cache-ttl': 'soon' }, '300'],
])('a response is cached for the requested time, within bounds (%j)', async (headers, ttl) => {
  expect((await ask({}, headers)).cached).toEqual({ status: 'MISS', ttl })
})

test('the header x-openrouter-cache-clear drops the cached response and sends the request upstream', async () => {
  const first = await ask()
  const cleared = await ask({}, { 'x-openrouter-cache-clear': 'true' })
  const again = await ask()
  expect([cleared.cached['status'], again.cached['source-id']]).toEqual(['MISS', cleared.id])
  expect(cleared.response().choices).not.toEqual(first.response().choices)
})

test('an error is never cached', async () => {
  const messages = [{ role: 'user', content: 'fail' }]
  expect((await ask({ messages })).status).toBe(400)
  const again = await ask({ messages })
  expect(again.cached['status']).toBe('MISS')
})

test.each([{}, { 'x-openrouter-cache': 'false' }, { 'x-openrouter-cache': '1' }])(
  'a request that does not enable the cache is sent upstream (%j)',
  async (headers) => {
    await ask()
    const before = upstream.requests.length
    const { cached } = await ask({}, { 'x-openrouter-cache': 'no', ...headers })
    expect([cached, upstream.requests.length]).toEqual([{}, before + 1])
  },
)
