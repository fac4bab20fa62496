// OpenAI's client on `rest.sock`, a scripted provider upstream, and the ledger's rows.
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openaiClient } from '../support/openai-client.ts'
import { groqAt, openaiAt, openrouterAt } from '../support/providers-env.ts'
import {
  chatChunk,
  done,
  finishChunk,
  inTurn,
  json,
  scriptedUpstream,
  sse,
  stall,
  usageChunk,
  wait,
} from '../support/scripted-upstream.ts'
import { startBroker } from '../support/start-broker.ts'

const messages = [{ role: 'user' as const, content: 'say hi' }]

/** 40 of the 100 prompt tokens at the cached rate: 60 × $0.15 + 40 × $0.075 + 10 × $0.6 per million. */
const usage = {
  prompt_tokens: 100,
  completion_tokens: 10,
  total_tokens: 110,
  prompt_tokens_details: { cached_tokens: 40 },
}
const COST_NANO = 18_000

const whole = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'gpt-4o-mini-2024-07-18',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
  usage,
}

test('a plain response carries its cost, and its row has it to the nano-dollar', async () => {
  await using upstream = await scriptedUpstream([json(200, whole)])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  await using client = openaiClient(broker.sockets.rest)
  const answer = await client.chat.completions.create({ model: 'gpt-4o-mini', messages })
  expect(answer.choices[0]?.message.content).toBe('hi')
  expect(answer.usage).toMatchObject({ ...usage, cost: 0.000018 })
  await expect
    .poll(() => broker.rows())
    .toMatchObject([
      {
        id: answer.id,
        ip: 'local',
        model: 'gpt-4o-mini',
        provider: 'openai',
        status: 'finished',
        streamed: 0,
        prompt_tokens: 100,
        completion_tokens: 10,
        cached_tokens: 40,
        cost_nano: COST_NANO,
        cost_usd: '0.000018',
        count_source: 'reported',
      },
    ])
  expect(broker.openHolds()).toBe(0)
})

test('a stream arrives chunk by chunk, with its cost in the last one', async () => {
  await using upstream = await scriptedUpstream([
    sse(chatChunk('he'), chatChunk('llo'), finishChunk(), usageChunk(usage), done),
  ])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  await using client = openaiClient(broker.sockets.rest)
  const stream = await client.chat.completions.create({ model: 'gpt-4o-mini', messages, stream: true })
  const chunks = await allOf(stream)
  expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('hello')
  expect(chunks.at(-1)?.usage).toMatchObject({ ...usage, cost: 0.000018 })
  await expect
    .poll(() => broker.rows())
    .toMatchObject([{ id: chunks[0]?.id, status: 'finished', streamed: 1, cost_nano: COST_NANO }])
})

test('a caller that disconnects mid-stream stops the provider at once and is charged for the generated text', async () => {
  await using upstream = await scriptedUpstream([sse(chatChunk('one '), chatChunk('two')), stall])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  await using client = openaiClient(broker.sockets.rest)
  const stream = await client.chat.completions.create({ model: 'gpt-4o-mini', messages, stream: true })
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content === 'two') break
  expect(await (await upstream.received(0)).closed).toBe('hung-up')
  await expect
    .poll(() => broker.rows())
    .toMatchObject([{ status: 'cancelled', count_source: 'counted', provider: 'openai' }])
  const [row] = broker.rows()
  expect(row?.['cost_low_nano']).toBeGreaterThan(0)
  expect(row?.['cost_high_nano']).toBeGreaterThan(Number(row?.['cost_low_nano']))
  expect(broker.openHolds()).toBe(0)
})

test('with hang-up policy cut, a caller that disconnects before a plain response ends the request at its provider', async () => {
  await using upstream = await scriptedUpstream([stall])
  await using broker = await startBroker({ env: { ...openaiAt(upstream), AIBROKER_HANGUP: 'cut' } })
  await using client = openaiClient(broker.sockets.rest)
  const leaving = new AbortController()
  const answer = client.chat.completions.create(
    { model: 'gpt-4o-mini', messages },
    { signal: leaving.signal },
  )
  const received = await upstream.received(0)
  leaving.abort()
  await expect(answer).rejects.toThrow('aborted')
  expect(await received.closed).toBe('hung-up')
  await expect.poll(() => broker.rows()).toMatchObject([{ status: 'cancelled', provider: 'openai' }])
  // Whether that stops the billing of a plain request is unknown.
  expect(broker.rows()).toMatchObject([{ count_source: 'bounded' }])
})

test('a provider’s refusal keeps its status and message, in the shape that clients parse', async () => {
  const refusal = { error: { message: 'max_tokens is too large', type: 'invalid_request_error', code: null } }
  await using upstream = await scriptedUpstream([json(400, refusal)])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  await using client = openaiClient(broker.sockets.rest)
  await expect(client.chat.completions.create({ model: 'gpt-4o-mini', messages })).rejects.toMatchObject({
    status: 400,
    message: expect.stringContaining('max_tokens is too large') as string,
    error: {
      code: 'invalid_request',
      message: 'max_tokens is too large',
      metadata: { error_type: 'invalid_request', provider_name: 'OpenAI', provider_status: 400 },
    },
  })
  await expect
    .poll(() => broker.rows())
    .toMatchObject([{ status: 'failed', error: 'upstream-refused: max_tokens is too large' }])
})

test('a busy provider’s 429 is passed on with its retry-after', async () => {
  const busy = json(429, { error: { message: 'slow down' } }, { 'retry-after': '7' })
  await using upstream = await scriptedUpstream([busy])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  const {
    status,
    headers,
    json: body,
  } = await broker.post('/v1/chat/completions', {
    model: 'gpt-4o-mini',
    messages,
  })
  expect(status).toBe(429)
  expect(headers['retry-after']).toBe('7')
  expect(body).toMatchObject({ error: { code: 'rate_limit_exceeded', message: 'slow down' } })
})

test('unknown fields of a request reach the provider unchanged', async () => {
  await using upstream = await scriptedUpstream([json(200, whole)])
  await using broker = await startBroker({ env: openaiAt(upstream) })
  await broker.post(
    '/v1/chat/completions',
    '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi","odd":1e400}],"new_field":{"deep":[1.50,"\\u00e9"]}}',
    { headers: { cookie: 'c=1', 'x-forwarded-for': '203.0.113.7', authorization: 'Bearer of-the-caller' } },
  )
  const { raw, headers } = await upstream.received(0)
  expect(raw.toString()).toContain('"new_field":{"deep":[1.50,"\\u00e9"]}')
  expect(raw.toString()).toContain('"odd":1e400')
  expect(headers).toMatchObject({ authorization: 'Bearer test-key' })
  expect(headers).not.toHaveProperty('cookie')
  expect(headers).not.toHaveProperty('x-forwarded-for')
})

test('a request falls back to the next provider when the first fails before its first chunk', async () => {
  await using first = await scriptedUpstream([json(503, { error: { message: 'down for repair' } })])
  await using second = await scriptedUpstream([sse(chatChunk('hi'), finishChunk(), usageChunk(usage), done)])
  await using broker = await startBroker({ env: { ...openaiAt(first), ...openrouterAt(second) } })
  await using client = openaiClient(broker.sockets.rest)
  const stream = await client.chat.completions.create({ model: 'gpt-4o-mini', messages, stream: true })
  const chunks = await allOf(stream)
  expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('hi')
  expect(first.requests).toHaveLength(2)
  expect(second.requests[0]?.body).toMatchObject({ model: 'openai/gpt-4o-mini' })
  await expect
    .poll(() => broker.rows())
    .toMatchObject([{ status: 'finished', provider: 'openrouter', attempts: 3 }])
  expect(String(broker.rows()[0]?.['attempts_detail'])).toContain('"status":503')
})

test('a stream that fails after its first chunk ends with an error event and text of no other provider', async () => {
  await using first = await scriptedUpstream([
    sse(chatChunk('half a '), { error: { code: 502, message: 'the model fell over' } }),
  ])
  await using second = await scriptedUpstream([sse(chatChunk('other words'), finishChunk(), done)])
  await using broker = await startBroker({ env: { ...openaiAt(first), ...openrouterAt(second) } })
  const { status, text } = await broker.post('/v1/chat/completions', {
    model: 'gpt-4o-mini',
    messages,
    stream: true,
  })
  expect(status).toBe(200)
  expect(text).toContain('half a ')
  expect(text).toContain('the model fell over')
  expect(text).toContain('data: {"error":{"message":')
  expect(text).not.toContain('[DONE]')
  expect(text).not.toContain('other')
  expect(second.requests).toHaveLength(1)
  await expect.poll(() => broker.rows()).toMatchObject([{ status: 'broken', provider: 'openai' }])
})

test('several keys of a provider share its requests', async () => {
  await using upstream = await scriptedUpstream([json(200, whole)])
  await using broker = await startBroker({ env: openaiAt(upstream, 'key-a,key-b,key-c') })
  for (let nth = 0; nth < 6; nth++)
    await broker.post('/v1/chat/completions', { model: 'gpt-4o-mini', messages })
  const keys = upstream.requests.map(({ headers }) => String(headers.authorization))
  expect(keys.toSorted()).toEqual(['a', 'a', 'b', 'b', 'c', 'c'].map((name) => `Bearer key-${name}`))
})

test('a key is sent only to its own provider', async () => {
  const canary = 'sk-canary-5f1d0c'
  const leaky = { error: { message: `Incorrect API key provided: ${canary}`, key: canary } }
  await using upstream = await scriptedUpstream(
    inTurn([sse(chatChunk('x'), { error: leaky.error })], [json(401, leaky)], [json(401, leaky)]),
  )
  await using other = await scriptedUpstream([json(401, leaky)])
  await using broker = await startBroker({
    env: { ...openaiAt(upstream, canary), ...groqAt(other, canary), AIBROKER_LOG_LEVEL: 'trace' },
  })
  const body = { model: 'gpt-4o-mini', messages }
  const answers = [
    await broker.post('/v1/chat/completions', { ...body, stream: true }),
    await broker.post('/v1/chat/completions', body),
    await broker.post('/v1/chat/completions', body),
    await broker.post('/v1/chat/completions', { ...body, model: 'nonsense' }),
    await broker.get('/v1/models'),
  ]
  const info = await broker.rpc('info')
  expect(upstream.requests[0]?.headers.authorization).toBe(`Bearer ${canary}`)
  expect(answers.map(({ status }) => status)).toEqual([200, 502, 502, 404, 200])
  broker.signal('SIGTERM')
  const { stdout, stderr } = await broker.ended
  expect(broker.rows()).toHaveLength(3)
  const written = readdirSync(broker.folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1'))
  expect(written.join('\n')).toContain('request_logs')
  expect([stdout, stderr, JSON.stringify([answers, info]), ...written].join('\n')).not.toContain(canary)
})

async function allOf<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const each of stream) all.push(each)
  return all
}

test('pipelined streams on one connection arrive complete and in order', async () => {
  const { promise: goOn, resolve: go } = Promise.withResolvers<void>()
  await using upstream = await scriptedUpstream(({ body }) => {
    const name = JSON.stringify(body).includes('first') ? 'first' : 'second'
    const held = name === 'first' ? [wait(goOn)] : []
    return [sse(chatChunk(`${name} begins`)), ...held, sse(chatChunk(`${name} ends`), finishChunk(), done)]
  })
  await using broker = await startBroker({ env: openaiAt(upstream) })
  const request = (content: string) => {
    const body = JSON.stringify({
      model: 'gpt-4o-mini',
      stream: true,
      messages: [{ role: 'user', content }],
    })
    const head = 'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json'
    return `${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  }
  const socket = connect(broker.sockets.rest)
  socket.write(request('first') + request('second'))
  let text = ''
  socket.on('data', (bytes: Buffer) => (text += bytes.toString()))
  await expect.poll(() => broker.rows()).toHaveLength(1)
  go()
  await expect.poll(() => text.match(/\[DONE\]/g)).toHaveLength(2)
  expect(text.match(/(first|second) (begins|ends)/g)).toEqual([
    'first begins',
    'first ends',
    'second begins',
    'second ends',
  ])
  // The provider reported no usage: tokens are counted before the row is written.
  await expect
    .poll(() => broker.rows(), { timeout: 10_000 })
    .toMatchObject([{ status: 'finished' }, { status: 'finished' }])
  socket.destroy()
})
