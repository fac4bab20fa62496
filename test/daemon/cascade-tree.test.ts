// Four real brokers: money, aborts, retries, loops and limits agree over the whole tree.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { moneyOf, startTree, type BrokerTree } from '../support/broker-tree.ts'
import { openResponse, startRequest } from '../support/open-request.ts'
import {
  chatChunk,
  done,
  finishChunk,
  head,
  json,
  raw,
  sse,
  stall,
  usageChunk,
} from '../support/scripted-upstream.ts'

const CHAT = '/v1/chat/completions'
const messages = [{ role: 'user', content: 'hi' }]
const chat = { model: 'gpt-4o-mini', messages }
const usage = {
  prompt_tokens: 1013,
  completion_tokens: 7,
  total_tokens: 1020,
  prompt_tokens_details: { cached_tokens: 61 },
}
const answer = {
  id: 'x',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage,
}
const toolCall = { id: 'call_1', type: 'function', function: { name: 'look', arguments: '{}' } }
const toolAnswer = {
  id: 'x',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: null, tool_calls: [toolCall] },
      finish_reason: 'tool_calls',
    },
  ],
  usage,
}
const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }]
const vectors = {
  object: 'list',
  data: [{ object: 'embedding', index: 0, embedding: [0.5, 0.25] }],
  usage: { prompt_tokens: 8, total_tokens: 8 },
}

let tree: BrokerTree

beforeAll(async () => {
  tree = await startTree()
}, 60_000)

afterAll(() => tree[Symbol.asyncDispose]())

/** What every broker of the chain bottom → left → root wrote since the last look, once nothing runs any more. */
async function moneyOnTheWay() {
  await tree.quiet()
  const { root, left, right, bottom } = tree.newRows()
  return { root: moneyOf(root), between: moneyOf([...left, ...right]), bottom: moneyOf(bottom) }
}

test('speech costs the same on every broker, to the nano-dollar', async () => {
  const sound = Buffer.from([0xff, 0xfb, 0x00, 0x80, 0x0a])
  tree.play([head(200, { 'content-type': 'audio/mpeg' }), raw(sound)])
  const response = await tree
    .at('bottom')
    .post('/v1/audio/speech', { model: 'tts-1', input: 'hello', voice: 'alloy' })
  expect(response.status, response.text).toBe(200)
  const { root, between, bottom } = await moneyOnTheWay()
  expect(root.high).toBeGreaterThan(0)
  expect(between).toEqual(root)
  expect(bottom).toEqual(root)
})

test.each([
  ['a plain chat', CHAT, chat, json(200, answer)],
  [
    'a stream',
    CHAT,
    { ...chat, stream: true },
    sse(chatChunk('hel'), chatChunk('lo'), finishChunk(), usageChunk(usage), done),
  ],
  ['a tool call', CHAT, { ...chat, tools }, json(200, toolAnswer)],
  ['an embedding', '/v1/embeddings', { model: 'text-embedding-3-small', input: 'hi' }, json(200, vectors)],
  [
    'a stream without usage',
    CHAT,
    { ...chat, stream: true },
    sse(chatChunk('hello there'), finishChunk(), done),
  ],
])('%s costs the same on every broker, to the nano-dollar', async (_what, path, body, step) => {
  tree.play([step])
  const { status, text } = await tree.at('bottom').post(path, body)
  expect(status).toBe(200)
  expect(text).toContain('OpenAI')
  const { root, between, bottom } = await moneyOnTheWay()
  expect(root.high).toBeGreaterThan(0)
  expect(between).toEqual(root)
  expect(bottom).toEqual(root)
})

test('a request carries its path, its deadline and its trace to the root, and the response says who answered', async () => {
  tree.play([json(200, answer)])
  const trace = '0af7651916cd43dd8448eb211c80319c'
  const headers = { traceparent: `00-${trace}-b7ad6b7169203331-01`, 'x-hero-context': 'lab' }
  const { json: body } = await tree.at('bottom').post(CHAT, chat, { headers })
  const { x_aibroker } = body as { x_aibroker: { broker: string; path: string[]; endpoint: string } }
  expect(x_aibroker).toMatchObject({ endpoint: 'openai/gpt-4o-mini' })
  expect(x_aibroker.path).toHaveLength(3)
  expect(x_aibroker.path.at(-1)).toBe(x_aibroker.broker)
  await tree.quiet()
  const { root, bottom } = tree.newRows()
  expect(bottom).toMatchObject([{ context: 'lab', provider: 'ai_broker_mother' }])
  // The context is a label of the child, and no context of the mother's own.
  expect(root).toMatchObject([{ context: null, ip: '127.0.0.1' }])
})

test('a caller who leaves is noticed by the provider within 250 ms, and what was used costs the same everywhere', async () => {
  tree.play([sse(chatChunk('one two three')), stall])
  const before = tree.upstream.requests.length
  const response = await openResponse({
    socketPath: tree.at('bottom').sockets.rest,
    method: 'POST',
    path: CHAT,
    body: { ...chat, stream: true },
  })
  await response.until('one two')
  const request = await tree.upstream.received(before)
  const leftAt = performance.now()
  response.hangUp()
  expect(await request.closed).toBe('hung-up')
  expect(performance.now() - leftAt).toBeLessThan(250)
  const { root, between, bottom } = await moneyOnTheWay()
  expect(root.high).toBeGreaterThan(0)
  expect(between).toEqual(root)
  expect(bottom).toEqual(root)
})

test('a caller who leaves before the first token costs the same everywhere', async () => {
  tree.play([stall])
  const before = tree.upstream.requests.length
  const outgoing = startRequest({
    socketPath: tree.at('bottom').sockets.rest,
    method: 'POST',
    path: CHAT,
    body: { ...chat, stream: true },
  })
  outgoing.on('error', () => undefined)
  const request = await tree.upstream.received(before)
  outgoing.destroy()
  expect(await request.closed).toBe('hung-up')
  const { root, between, bottom } = await moneyOnTheWay()
  expect(root.high).toBeGreaterThan(0)
  expect(between).toEqual(root)
  expect(bottom).toEqual(root)
})

test('a stalled provider is given up at the deadline that came with the request', async () => {
  tree.play([stall])
  const before = tree.upstream.requests.length
  const headers = { 'x-aibroker-cascade': '1', 'x-aibroker-deadline-ms': '900' }
  const startedAt = performance.now()
  const { status } = await tree.at('bottom').post(CHAT, { ...chat, stream: true }, { headers })
  expect(status).toBe(504)
  expect(performance.now() - startedAt).toBeLessThan(5000)
  expect(await (await tree.upstream.received(before)).closed).toBe('hung-up')
  const { root, between, bottom } = await moneyOnTheWay()
  expect(between.high).toBe(root.high)
  expect(bottom.high).toBe(root.high)
})

test('a request that may pass one further broker is refused where it would need a second, without a cost', async () => {
  tree.play([json(200, answer)])
  const headers = { 'x-aibroker-cascade': '1', 'x-aibroker-hops': '1', 'x-aibroker-path': 'someone' }
  const { status, text } = await tree.at('bottom').post(CHAT, chat, { headers })
  expect([status, text]).toEqual([508, expect.stringMatching(/someone → \w+ it may pass no further one/)])
  const { root, between, bottom } = await moneyOnTheWay()
  expect([root.high, between.high, bottom.high]).toEqual([0, 0, 0])
})

test('a context that is bound to a policy is served above only where the policy holds, and the response says what held', async () => {
  tree.play([json(200, answer)])
  const bottom = tree.at('bottom')
  const headers = { 'x-hero-context': 'lab' }
  const bind = (pin: object) => bottom.rpc('contexts.pin', { context: 'lab', pin })
  const send = () => bottom.post(CHAT, chat, { headers })
  const asked = (): number => tree.upstream.requests.length
  await bind({ no_training: true, regions: ['US'], providers: ['openai'] })
  const { status, json: body } = await send()
  expect([status, (body as { x_aibroker: object }).x_aibroker]).toEqual([
    200,
    expect.objectContaining({ policy: { providers: ['openai'], regions: ['US'], no_training: true } }),
  ])
  const before = asked()
  for (const pin of [{ providers: ['groq'] }, { max_hops: 1 }, { max_hops: 0 }]) {
    await bind(pin)
    const { status: refused } = await send()
    expect([pin, refused === 200]).toEqual([pin, false])
  }
  expect(asked()).toBe(before)
  // All brokers and the provider are on this host.
  await bind({ local_only: true })
  expect((await send()).text).toContain('"policy":{"local_only":true}')
  await bottom.rpc('contexts.delete', { context: 'lab' })
  await moneyOnTheWay()
})

test('a loop is refused with its path before anything is charged, and the root still answers itself', async () => {
  tree.play([json(200, answer)])
  const socket = tree.at('bottom').sockets.rest
  await tree.at('root').rpc('mothers.add', { socket, priority: 0 })
  try {
    const { status } = await tree.at('bottom').post(CHAT, chat)
    expect(status).toBe(200)
    const around = { ...chat, model: 'ai_broker_mother/gpt-4o-mini' }
    const looped = await tree.at('root').post(CHAT, around)
    expect([looped.status, looped.text]).toEqual([
      508,
      expect.stringMatching(/passed here before: (\w{16}) → \w{16} → \w{16} → \1/),
    ])
    await tree.quiet()
    const { root, left, bottom } = tree.newRows()
    expect(moneyOf(bottom).cost).toBe(moneyOf(left).cost)
    expect(moneyOf(root).cost).toBe(moneyOf(left).cost)
    expect(root[0]).toMatchObject({
      endpoint: 'openai/gpt-4o-mini',
      attempts_detail: expect.stringContaining('cascade-loop'),
    })
  } finally {
    await tree.at('root').rpc('mothers.remove', { id: 'ai_broker_mother' })
  }
})

test('a request whose provider always fails is sent there at most 1 + 3 times over all brokers', async () => {
  tree.play([json(500, { error: { message: 'out of order' } })])
  const before = tree.upstream.requests.length
  const { status, text } = await tree.at('bottom').post(CHAT, chat)
  expect([status, text]).toEqual([502, expect.stringContaining('out of order')])
  expect(tree.upstream.requests.length - before).toBeLessThanOrEqual(4)
  const { root, between, bottom } = await moneyOnTheWay()
  expect([root.high, between.high, bottom.high]).toEqual([0, 0, 0])
})
