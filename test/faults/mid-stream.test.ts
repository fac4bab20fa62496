import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import {
  chatChunk,
  cut,
  done,
  finishChunk,
  head,
  inTurn,
  raw,
  reset,
  sse,
  stall,
  usageChunk,
  wire,
  type Step,
} from '../support/scripted-upstream.ts'
import {
  startBrokerWithProviders,
  type ScriptedProvider,
  type ReceivedChat,
} from './broker-with-providers.ts'
import { expectWhole, refuses, role, says } from './scripts.ts'

const STREAM = { 'content-type': 'text/event-stream', 'transfer-encoding': 'chunked' }
const begun = sse(role, chatChunk('Once upon '), chatChunk('a time'))

/** How a stream may break after its first text. */
const BREAKS: Readonly<Record<string, Step[]>> = {
  'a cut': [begun, cut],
  // A reset discards data that is still in transit, so the data gets 30 ms to arrive.
  'a reset': [begun, () => pause(30), reset],
  'a clean end without a finish': [begun],
  'a [DONE] without a finish': [begun, sse(done)],
  'an error event': [begun, sse({ error: { message: 'overloaded', code: 529 }, choices: [] })],
  'a finish reason of “error”': [begun, sse(finishChunk('error'))],
  'a cut in the middle of an event': [begun, raw('data: {"choices":[{"index":0,"del'), cut],
  'a reset in the middle of an HTTP chunk': [begun, wire('40\r\ndata: {"ch'), () => pause(30), reset],
  'a broken HTTP chunk': [begun, wire('XYZ\r\n'), cut],
  'a cut in the middle of a character': [
    begun,
    raw(Buffer.from('data: {"choices":[{"delta":{"content":"é').subarray(0, -1)),
    cut,
  ],
}

/** The stream must not look complete: it has an error with a code, no finish reason and no `[DONE]`. */
function expectBroken(response: ReceivedChat, text: string, finish?: string): void {
  expect([response.status, response.text, response.isDone, response.finish]).toEqual([
    200,
    text,
    false,
    finish,
  ])
  expect(response.error?.code).toEqual(expect.any(String))
  expect(response.error?.metadata['error_type']).toEqual(expect.any(String))
}

const providersFor = (...scripts: ScriptedProvider['script'][]): ScriptedProvider[] =>
  scripts.map((script) => ({ script }))
const streamRequest = { stream: true, temperature: 0 }

describe.each(Object.entries(BREAKS))('%s after the first text', (_fault, steps) => {
  test('becomes an error event when no endpoint can complete the response', async () => {
    await using broker = await startBrokerWithProviders(providersFor(steps, refuses(500)), { over: 'tcp' })
    expectBroken(await broker.sendChat(streamRequest), 'Once upon a time')
    // The broken endpoint, the next endpoint, and the broken endpoint once more, which breaks in the same place.
    expect(broker.seen()).toEqual([2, 1])
    expect(await broker.entry()).toMatchObject({ status: 'broken', countSource: 'counted' })
  })

  test('is continued unseen by an endpoint that sends the same text', async () => {
    await using broker = await startBrokerWithProviders(
      providersFor(steps, says('Once ', 'upon a ti', 'me, there was')),
      {
        over: 'tcp',
      },
    )
    expectWhole(await broker.sendChat(streamRequest), 'Once upon a time, there was')
    expect(broker.seen()).toEqual([1, 1])
    const entry = await broker.entry()
    expect(entry).toMatchObject({
      status: 'finished',
      endpoint: 'up1/m1',
      attempts: [{ endpoint: 'up0/m0' }],
    })
    expect(entry.cost).toBeGreaterThan(20_000n)
  })
})

describe('a stream that goes silent', () => {
  test('becomes an error event after one timeout', async () => {
    await using broker = await startBrokerWithProviders(providersFor([begun, stall]))
    const pending = broker.sendChat({ ...streamRequest, tools: [] })
    const request = await broker.upstreams[0]?.received(0)
    await pause(30)
    broker.skip(121_000)
    const response = await pending
    expectBroken(response, 'Once upon a time')
    expect(response.error).toMatchObject({
      code: 'timeout',
      metadata: { time_limit: 'gap', error_type: 'timeout' },
    })
    expect(await request?.closed).toBe('hung-up')
    // The same endpoint would stall again.
    expect(broker.seen()).toEqual([1])
  })

  test('is complete when it goes silent after its finish reason', async () => {
    await using broker = await startBrokerWithProviders(
      providersFor([sse(chatChunk('all'), finishChunk()), stall]),
    )
    const pending = broker.sendChat(streamRequest)
    const request = await broker.upstreams[0]?.received(0)
    await pause(30)
    broker.skip(2_000)
    expectWhole(await pending, 'all')
    expect(await request?.closed).toBe('hung-up')
    expect(broker.seen()).toEqual([1])
  })
})

describe('a stream recovery', () => {
  const half = [begun, cut]

  test('sends the text so far to an endpoint that continues a prefix', async () => {
    await using broker = await startBrokerWithProviders([
      { script: half },
      {
        script: says(', there was', ' a girl'),
        capabilities: ['assistant_prefix'],
        row: 'quirks: { prefix_marker: prefix }',
      },
    ])
    const response = await broker.sendChat({ ...streamRequest, max_tokens: 100 })
    expectWhole(response, 'Once upon a time, there was a girl')
    expect(broker.upstreams[1]?.requests[0]?.body).toMatchObject({
      max_tokens: 96,
      messages: [{ role: 'user' }, { role: 'assistant', content: 'Once upon a time', prefix: true }],
    })
    expect(new Set(response.chunks.map(({ id }) => id)).size).toBe(1)
    expect(response.chunks.at(-1)?.provider).toBe('up1')
  })

  test('marks the prefix as the provider documents it, and sends none to a provider that is not known to continue one', async () => {
    const continuing = (marker: string) => ({
      script: says(', there was', ' a girl'),
      capabilities: ['assistant_prefix'],
      row: `quirks: { prefix_marker: ${marker} }`,
    })
    await using broker = await startBrokerWithProviders([
      { script: half },
      continuing('none'),
      continuing('partial'),
    ])
    expectWhole(await broker.sendChat(streamRequest), 'Once upon a time, there was a girl')
    expect(broker.seen()).toEqual([1, 0, 1])
    expect(broker.upstreams[2]?.requests[0]?.body).toMatchObject({
      messages: [{ role: 'user' }, { role: 'assistant', content: 'Once upon a time', partial: true }],
    })
  })

  test('adds up usage and cost of all parts, for the caller and for the ledger', async () => {
    await using broker = await startBrokerWithProviders(providersFor(half, says('Once upon a time.')))
    const response = await broker.sendChat(streamRequest)
    const entry = await broker.entry()
    expect(response.usage?.completion_tokens).toBe(entry.usage?.completion)
    expect(response.usage?.cost).toBe(Number(entry.cost) / 1e9)
    expect(entry).toMatchObject({ countSource: 'bounded' })
    expect(entry.usage?.completion).toBeGreaterThan(5)
    expect(entry.costLow).toBeGreaterThanOrEqual(20_000n)
    expect(entry.costHigh).toBeGreaterThan(entry.cost ?? 0n)
  })

  test('relays the beginning only once when the endpoint repeats it', async () => {
    await using broker = await startBrokerWithProviders([
      { script: half },
      { script: says('Once upon', ' a time', ', there'), capabilities: ['assistant_prefix'] },
    ])
    expectWhole(await broker.sendChat(streamRequest), 'Once upon a time, there')
    expect(broker.seen()).toEqual([1, 1])
  })

  test('requests the whole response from the same model when the prefix is refused, and compares the text', async () => {
    const script = inTurn(refuses(400, 'last message must be from the user'), says('Once upon a time', '!'))
    await using broker = await startBrokerWithProviders([
      { script: half },
      { script, capabilities: ['assistant_prefix'] },
    ])
    expectWhole(await broker.sendChat(streamRequest), 'Once upon a time!')
    expect(broker.seen()).toEqual([1, 2])
  })

  test('drops a response with another text at once, relays none of it, and bills it', async () => {
    const other = [sse(role, chatChunk('Once upon '), chatChunk('another day')), stall]
    await using broker = await startBrokerWithProviders(providersFor(inTurn(half, refuses(503)), other))
    expectBroken(await broker.sendChat(streamRequest), 'Once upon a time')
    expect(await broker.upstreams[1]?.requests[0]?.closed).toBe('hung-up')
    expect(broker.seen()).toEqual([2, 1])
    expect((await broker.entry()).attempts.length).toBe(3)
  })

  test('fails when its text is shorter than the delivered text', async () => {
    await using broker = await startBrokerWithProviders(
      providersFor(inTurn(half, refuses(503)), says('Once upon')),
    )
    expectBroken(await broker.sendChat(streamRequest), 'Once upon a time')
    expect(broker.seen()).toEqual([2, 1])
  })

  test('is followed by another recovery when it breaks as well', async () => {
    const further = [sse(chatChunk('Once upon a time there ')), cut]
    await using broker = await startBrokerWithProviders(
      providersFor(half, further, says('Once upon a time there was.')),
    )
    expectWhole(await broker.sendChat(streamRequest), 'Once upon a time there was.')
    expect(broker.seen()).toEqual([1, 1, 1])
    expect(await broker.entry()).toMatchObject({ attempts: [{ endpoint: 'up0/m0' }, { endpoint: 'up1/m1' }] })
  })

  const call = { index: 0, id: 'c', type: 'function', function: { name: 'pay', arguments: '{"a":' } }
  test.each([
    ['a tool call', { tool_calls: [call] }],
    ['a refusal', { refusal: 'I can’t' }],
    ['signed thoughts', { reasoning_details: [{ type: 'reasoning.encrypted', data: 'x' }] }],
  ])('never comes after %s', async (_what, delta) => {
    const steps = [sse(chatChunk('', { choices: [{ index: 0, delta, finish_reason: null }] })), cut]
    await using broker = await startBrokerWithProviders(providersFor(steps, says('x')))
    expectBroken(await broker.sendChat(streamRequest), '')
    expect(broker.seen()).toEqual([1, 0])
  })

  test('is not tried for several choices', async () => {
    await using broker = await startBrokerWithProviders(providersFor(half, says('Once upon a time.')))
    expectBroken(await broker.sendChat({ ...streamRequest, n: 2 }), 'Once upon a time')
    expect(broker.seen()).toEqual([1, 0])
  })
})

describe('a stream is complete', () => {
  test.each([
    ['without [DONE]', [sse(chatChunk('all'), finishChunk())]],
    ['with its connection held open after [DONE]', [sse(chatChunk('all'), finishChunk(), done), stall]],
    ['with CRLF', [raw(crlf([chatChunk('all'), finishChunk(), done]))]],
    [
      'with comments between',
      [raw(': hi\n\n'), sse(chatChunk('all')), raw(': hi\n\n'), sse(finishChunk(), done)],
    ],
  ])('%s', async (_how, steps) => {
    await using broker = await startBrokerWithProviders(providersFor(steps))
    expectWhole(await broker.sendChat(streamRequest), 'all')
    expect(broker.seen()).toEqual([1])
  })

  test('when its characters are cut between two chunks', async () => {
    const bytes = Buffer.from(
      `data: ${JSON.stringify(chatChunk('é€𝄞'))}\n\ndata: ${JSON.stringify(finishChunk())}\n\n`,
    )
    const steps = [...bytes].map((_, at) => async (response: Parameters<Step>[0]) => {
      if (!response.headersSent) response.writeHead(200, STREAM)
      response.write(bytes.subarray(at, at + 1))
      await new Promise((resolve) => setImmediate(resolve))
    })
    await using broker = await startBrokerWithProviders(providersFor(steps))
    expectWhole(await broker.sendChat(streamRequest), 'é€𝄞')
    expect(broker.seen()).toEqual([1])
  })

  test('although its tenth event is not JSON, which is counted', async () => {
    const words = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'].map((word) => chatChunk(word))
    await using broker = await startBrokerWithProviders(
      providersFor([
        sse(...words),
        raw('data: {"choices":[{"delta":{"con\n\n'),
        sse(chatChunk('k'), finishChunk(), done),
      ]),
    )
    expectWhole(await broker.sendChat(streamRequest), 'abcdefghik')
    expect(broker.seen()).toEqual([1])
    expect(broker.daemon.services.health.row('up0/m0')).toMatchObject({ malformedEvents: 1, state: 'closed' })
  })

  test('only when as many choices have finished as were requested', async () => {
    const one = (index: number, reason: string | null) => ({
      ...chatChunk('x'),
      choices: [{ index, delta: { content: 'x' }, finish_reason: reason }],
    })
    await using broker = await startBrokerWithProviders(providersFor([sse(one(0, 'stop'))], says('x')))
    expectBroken(await broker.sendChat({ ...streamRequest, n: 2 }), 'x', 'stop')
    expect(broker.seen()).toEqual([1, 0])
    await using both = await startBrokerWithProviders(providersFor([sse(one(0, 'stop'), one(1, 'stop'))]))
    expectWhole(await both.sendChat({ ...streamRequest, n: 2 }), 'xx')
  })

  test('with the usage that follows its finish reason', async () => {
    const steps = [
      sse(chatChunk('a'), finishChunk()),
      () => pause(20),
      sse(usageChunk({ prompt_tokens: 7, completion_tokens: 3 }), done),
    ]
    await using broker = await startBrokerWithProviders(providersFor(steps))
    expect((await broker.sendChat(streamRequest)).usage).toMatchObject({
      prompt_tokens: 7,
      completion_tokens: 3,
    })
  })
})

function crlf(events: readonly unknown[]): string {
  return events
    .map((event) => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\r\n\r\n`)
    .join('')
}

test('a truncated plain response is never relayed', async () => {
  const start = [
    head(200, { 'content-type': 'application/json', 'content-length': 1000 }),
    raw('{"choices":[{"mess'),
    cut,
  ]
  await using broker = await startBrokerWithProviders(providersFor(start))
  const response = await broker.sendChat({ stream: false })
  expect([response.status, response.text]).toEqual([502, ''])
  expect(broker.seen()).toEqual([1])
})
