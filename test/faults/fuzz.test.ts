import { connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { StreamReader } from '../../src/providers/protocols/openai-chat/stream-reader.ts'
import type { ChatChunk } from '../../src/wire/openai/chat.ts'
import { chatChunk, done, finishChunk, head, raw, type Script } from '../support/scripted-upstream.ts'
import { sendChat, startBrokerWithProviders, type BrokerWithProviders } from './broker-with-providers.ts'
import { answers, expectWhole, says } from './scripts.ts'

/** Multiplies the number of runs; `npm run fuzz` sets it. */
const TIMES = Number(process.env['FUZZ_TIMES'] ?? 1)

/** JSON of every kind, and values that are known to break parsers. */
const nasty = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }),
  fc.constantFrom<unknown>(
    JSON.parse('{"__proto__": {"isAdmin": true}}'),
    JSON.parse('{"constructor": {"prototype": {"x": 1}}}'),
    1e308,
    -0,
    Number.MAX_SAFE_INTEGER,
    '\u0000',
    '\ud800',
    '\r\ndata: {}\r\n\r\n',
    'x'.repeat(10_000),
  ),
)

describe('the stream reader', () => {
  interface StreamResult {
    readonly chunks: ChatChunk[]
    end: 'whole' | 'failed' | undefined
  }

  /** Checks that the reader never throws and reports its end exactly once. */
  function read(pieces: readonly Uint8Array[]): StreamResult {
    const received: StreamResult = { chunks: [], end: undefined }
    const close = (end: 'whole' | 'failed'): void => {
      expect(received.end).toBeUndefined()
      received.end = end
    }
    const reader = new StreamReader({
      provider: 'Fuzz',
      choices: 1,
      onChunk: (_json, chunk) => received.chunks.push(chunk),
      onFinished: () => undefined,
      onResumed: () => undefined,
      onEnd: () => close('whole'),
      onError: () => close('failed'),
    })
    for (const piece of pieces) reader.data(piece)
    reader.end()
    expect(received.end).toBeDefined()
    return received
  }

  test('survives any bytes, cut anywhere', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .array(nasty, { maxLength: 6 })
        .map((values) => Buffer.from(values.map((value) => `data: ${JSON.stringify(value)}\n\n`).join(''))),
      fc.string({ unit: 'binary', maxLength: 300 }).map((text) => Buffer.from(`data: ${text}\n\n`)),
    )
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 10 }), (pieces) => {
        expect(read(pieces).end).toMatch(/whole|failed/)
      }),
      { numRuns: 500 * TIMES },
    )
  })

  test('reads the same chunks wherever a stream is cut and whatever noise stands between', () => {
    const noise = fc.constantFrom(
      '',
      ': comment\n\n',
      'data: {{\n\n',
      'event: x\nid: 4\n\n',
      '\r\n',
      'retry: 1\n\n',
    )
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string(), noise), { maxLength: 10 }),
        fc.array(fc.nat(), { maxLength: 10 }),
        fc.constantFrom('\n', '\r\n'),
        (texts, places, newline) => {
          const events = [...texts.map(([text]) => chatChunk(text)), finishChunk()]
          const stream = events
            .map((event, nth) => `${texts[nth]?.[1] ?? ''}data: ${JSON.stringify(event)}\n\n`)
            .join('')
            .replaceAll('\n', newline)
            .replaceAll('\r\r', '\r')
          const bytes = Buffer.from(`${stream}data: ${done}${newline}${newline}`)
          const cuts = [0, ...places.map((place) => place % bytes.length).sort((a, b) => a - b), bytes.length]
          const received = read(cuts.slice(1).map((to, nth) => bytes.subarray(cuts[nth], to)))
          expect(received.end).toBe('whole')
          expect(received.chunks).toEqual(events)
        },
      ),
    )
  })
})

/** Streams when the request asks for a stream, as providers do. */
const fine: Script = ({ body }) => {
  const isStream = typeof body === 'object' && body !== null && 'stream' in body && body.stream === true
  return isStream ? says('fine') : answers('fine')
}

describe('a broker', () => {
  let broker: BrokerWithProviders
  let currentScript: Script = fine
  beforeAll(async () => {
    broker = await startBrokerWithProviders([
      {
        script: (request, nth) =>
          typeof currentScript === 'function' ? currentScript(request, nth) : currentScript,
      },
    ])
  })
  afterAll(() => broker[Symbol.asyncDispose]())

  async function expectWell(): Promise<void> {
    currentScript = fine
    broker.skip(24 * 3_600_000)
    expectWhole(await broker.sendChat(), 'fine')
  }

  test('responds to any body with JSON and a status, and never crashes', async () => {
    const field = fc.constantFrom(
      'model',
      'messages',
      'stream',
      'n',
      'max_tokens',
      'tools',
      'provider',
      'models',
      'usage',
      '__proto__',
      'stop',
    )
    const body = fc.oneof(
      nasty.map((value) => JSON.stringify(value)),
      fc
        .array(fc.tuple(field, nasty), { maxLength: 5 })
        .map(
          (pairs) =>
            `{${[['model', 'm'], ['messages', [{ role: 'user', content: 'x' }]], ...pairs].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`,
        ),
      fc.string({ unit: 'binary' }),
      fc.integer({ min: 1, max: 60_000 }).map((depth) => '['.repeat(depth)),
      fc
        .integer({ min: 1, max: 20_000 })
        .map((depth) => `{"model":"m","messages":${'['.repeat(depth)}${']'.repeat(depth)}}`),
    )
    await fc.assert(
      fc.asyncProperty(body, async (sent) => {
        const response = await sendChat(broker.daemon.sockets.rest, sent)
        expect([200, 400, 404, 413]).toContain(response.status)
        expect(response.chunks.length).toBeGreaterThan(0)
      }),
      { numRuns: 150 * TIMES },
    )
    await expectWell()
  })

  test('treats any model name as a name', async () => {
    const name = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.constantFrom(
        '__proto__',
        'constructor',
        'toString',
        '../../etc/passwd',
        'up0/__proto__',
        'm:nitro:free',
        'm\r\nx: y',
        '%00',
        'local/../m',
      ),
    )
    await fc.assert(
      fc.asyncProperty(name, async (model) => {
        const before = broker.seen()[0] ?? 0
        const response = await broker.sendChat({ model })
        if (response.status !== 200) expect((broker.seen()[0] ?? 0) - before).toBe(0)
        expect([200, 400, 404]).toContain(response.status)
      }),
      { numRuns: 100 * TIMES },
    )
    await expectWell()
  })

  test('forwards no header that a caller or a model name could have injected', async () => {
    const { rest } = broker.daemon.sockets
    const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x' }] })
    const sendRaw = (lines: string): Promise<string> =>
      new Promise((resolve) => {
        let received = ''
        const socket = connect(rest, () =>
          socket.write(
            `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${lines}content-length: ${body.length}\r\n\r\n${body}`,
          ),
        )
        socket.on('data', (part) => (received += String(part))).on('close', () => resolve(received))
        socket.on('error', () => undefined)
      })
    for (const lines of [
      'x-title: a\rb: c\r\n',
      'http-referer: x\nauthorization: Bearer stolen\r\n',
      'authorization: Bearer stolen\r\n',
      'cookie: a=b\r\n',
      'transfer-encoding: chunked\r\n',
      `x-big: ${'x'.repeat(100_000)}\r\n`,
    ]) {
      const before = broker.seen()[0] ?? 0
      const received = await sendRaw(lines)
      expect(received).toMatch(/^HTTP\/1\.1 (200|400|431)/)
      for (const { headers } of broker.upstreams[0]?.requests.slice(before) ?? []) {
        expect(headers.authorization).toBe('Bearer sk-x')
        expect(headers.cookie).toBeUndefined()
      }
    }
    await expectWell()
  })

  test('turns any provider response into a complete response or an error', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      nasty.map((value) => Buffer.from(JSON.stringify(value))),
      nasty.map((value) => Buffer.from(JSON.stringify({ choices: [{ message: value }] }))),
      nasty.map((value) =>
        Buffer.from(JSON.stringify({ choices: [{ message: { content: 'x' } }], usage: value })),
      ),
      fc
        .array(nasty, { maxLength: 5 })
        .map((values) =>
          Buffer.from(values.map((value) => `data: ${JSON.stringify({ choices: [value] })}\n\n`).join('')),
        ),
    )
    await fc.assert(
      fc.asyncProperty(bytes, fc.boolean(), async (sent, stream) => {
        currentScript = [
          head(200, { 'content-type': stream ? 'text/event-stream' : 'application/json' }),
          raw(sent),
        ]
        broker.skip(3_600_000)
        const response = await broker.sendChat({ stream })
        expect([200, 429, 502, 503, 504, 400]).toContain(response.status)
        if (response.status === 200 && !response.isDone)
          expect([response.finish, response.error]).toEqual(['error', expect.anything()])
      }),
      { numRuns: 150 * TIMES },
    )
    await expectWell()
  })
})
