// Bodies in another form than was requested or is labelled: the first bytes decide.
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { openResponse } from '../support/open-request.ts'
import { chatChunk, finishChunk, head, raw, usageChunk, type Step } from '../support/scripted-upstream.ts'
import { startBrokerWithProviders } from './broker-with-providers.ts'
import { expectWhole, plainResponse } from './scripts.ts'

const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
const CHUNKS = [chatChunk('Hel'), chatChunk('lo'), finishChunk(), usageChunk(USAGE)].map((chunk) =>
  JSON.stringify(chunk),
)
const EVENTS = `${CHUNKS.map((chunk) => `data: ${chunk}\n\n`).join('')}data: [DONE]\n\n`
const WHOLE = JSON.stringify(plainResponse('Hello'))
const KEEPALIVES = '\n\n'

/** Each piece of a body arrives by itself. */
function body(
  headers: Readonly<Record<string, string>>,
  ...pieces: readonly (string | Uint8Array)[]
): Step[] {
  const breathe: Step = () => new Promise((resolve) => setImmediate(resolve))
  return [head(200, headers), ...pieces.flatMap((piece) => [raw(piece), breathe])]
}

const JSON_TYPE = { 'content-type': 'application/json' }
const STREAM_TYPE = { 'content-type': 'text/event-stream' }
const encoded = (encoding: string) => ({ ...JSON_TYPE, 'content-encoding': encoding })

const FORMS: Readonly<Record<string, Step[]>> = {
  'chunks on lines of their own': body(STREAM_TYPE, ...CHUNKS.map((chunk) => `${chunk}\n`)),
  'chunks on lines of their own, in one piece': body(JSON_TYPE, CHUNKS.join('\n')),
  'chunks on lines of their own with an end mark': body(JSON_TYPE, CHUNKS.join('\r\n'), '\r\n[DONE]\r\n'),
  'chunks in a JSON list': body(JSON_TYPE, `[${CHUNKS.join(',\n')}]`),
  'a response in a JSON list': body(JSON_TYPE, `[${WHOLE}]\n`),
  'a response behind blank lines': body(JSON_TYPE, KEEPALIVES, ' \n', WHOLE),
  'a response behind comments': body(STREAM_TYPE, ': PROCESSING\n\n', ': PROCESSING\n\n', WHOLE),
  'a response over many lines': body(JSON_TYPE, `${JSON.stringify(plainResponse('Hello'), null, 2)}\n`),
  'a response as the only event': body(STREAM_TYPE, `data: ${WHOLE}\n\n`),
  'a response behind a byte order mark': body(JSON_TYPE, `\uFEFF${WHOLE}`),
  'a byte order mark by itself': body(JSON_TYPE, '\uFEFF', WHOLE),
  'events behind a byte order mark': body(STREAM_TYPE, `\uFEFF${EVENTS}`),
  'events behind blank lines': body(STREAM_TYPE, KEEPALIVES, KEEPALIVES, EVENTS),
  'events without a space': body(STREAM_TYPE, EVENTS.replaceAll('data: ', 'data:')),
  'events whose lines end in CR': body(STREAM_TYPE, EVENTS.replaceAll('\n', '\r')),
  'events whose lines end in CR, byte by byte': body(
    STREAM_TYPE,
    ...bytesOf(Buffer.from(EVENTS.replaceAll('\n', '\r'))),
  ),
  'events whose lines end in CRLF, byte by byte': body(
    STREAM_TYPE,
    ...bytesOf(Buffer.from(EVENTS.replaceAll('\n', '\r\n'))),
  ),
  'events with names and without data': body(
    STREAM_TYPE,
    'event: ping\n\nevent: chunk\n',
    EVENTS,
    'event: end\n\n',
  ),
  'events of an unknown type': body({ 'content-type': 'application/octet-stream' }, EVENTS),
  'a response of an unknown type': body({ 'content-type': 'text/plain' }, WHOLE),
  'events with an end mark in other letters': body(
    STREAM_TYPE,
    EVENTS.replace('data: [DONE]', 'data:  [done] '),
  ),
  'gzip that is not declared': body(JSON_TYPE, gzipSync(WHOLE)),
  'gzip that is not declared, of events': body(STREAM_TYPE, gzipSync(EVENTS)),
  'gzip that is not declared, byte by byte': body(JSON_TYPE, ...bytesOf(gzipSync(WHOLE))),
  'deflate that is not declared': body(JSON_TYPE, deflateSync(WHOLE)),
  'zstd that is not declared': body(JSON_TYPE, zstdCompressSync(WHOLE)),
  'brotli that is not declared': body(JSON_TYPE, brotliCompressSync(WHOLE)),
  'brotli that is not declared, of events': body(STREAM_TYPE, brotliCompressSync(EVENTS)),
  'gzip that is declared as brotli': body(encoded('br'), gzipSync(WHOLE)),
  'brotli that is declared as gzip': body(encoded('gzip'), brotliCompressSync(WHOLE)),
  'text that is declared as gzip': body(encoded('gzip'), WHOLE),
  'text that is declared as brotli': body(encoded('br'), KEEPALIVES, WHOLE),
  'text that is declared as utf-8': body(encoded('utf-8'), WHOLE),
  'a response with status 201': [head(201, JSON_TYPE), raw(WHOLE)],
}

function bytesOf(bytes: Uint8Array): readonly Uint8Array[] {
  return [...bytes].map((byte) => Uint8Array.of(byte))
}

describe.each(Object.entries(FORMS))('%s', (_name, script) => {
  test.each([true, false])('is the response to a request with stream: %s', async (stream) => {
    await using broker = await startBrokerWithProviders([{ script }])
    const response = await broker.sendChat({ stream })
    expectWhole(response, 'Hello')
    expect(await broker.entry()).toMatchObject({
      status: 'finished',
      countSource: 'reported',
      usage: { prompt: 10, completion: 5 },
    })
  })
})

test('chunks on lines of their own reach the caller as they come', async () => {
  const later = Promise.withResolvers<void>()
  const [first = '', second = '', ...rest] = CHUNKS
  await using broker = await startBrokerWithProviders([
    {
      script: [
        head(200, STREAM_TYPE),
        raw(`${first}\n `),
        raw('{'),
        () => later.promise,
        raw(`${[second.slice(1), ...rest].join('\n')}\n`),
      ],
    },
  ])
  const open = await openResponse({
    socketPath: broker.daemon.sockets.rest,
    method: 'POST',
    path: '/v1/chat/completions',
    body: { model: 'm', messages: [{ role: 'user', content: 'hi' }], stream: true },
  })
  expect(await open.until('Hel')).not.toContain('"lo"')
  later.resolve()
  expect(await open.rest()).toContain('"lo"')
})

/** The pauses before retries are short here; timeouts are not. */
const timerMs = (ms: number): number => (ms <= 5_000 ? Math.min(ms, 10) : ms)

const WORDS = 'the model is overloaded, sorry'
const FAILURES: Readonly<Record<string, Step[]>> = {
  'an error on a line between chunks': body(
    STREAM_TYPE,
    `data: ${CHUNKS[0]}\n\n{"error":{"message":"${WORDS}"}}\n`,
  ),
  'an error on a line behind chunks on lines': body(
    JSON_TYPE,
    `${CHUNKS[0]}\n`,
    `{"error":{"message":"${WORDS}"}}\n`,
  ),
  'an error event with a code alone': body(STREAM_TYPE, `event: error\ndata: {"code":"${WORDS}"}\n\n`),
  'an error in a list of chunks': body(
    JSON_TYPE,
    `[${CHUNKS[0]},{"error":{"message":"${WORDS}","code":503}}]`,
  ),
  'a compressed error that is not declared': [
    head(400, JSON_TYPE),
    raw(gzipSync(`{"error":{"message":"${WORDS}"}}`)),
  ],
  'an error in an event with a status': [
    head(503, STREAM_TYPE),
    raw(`data: {"error":{"message":"${WORDS}"}}\n\n`),
  ],
}

describe.each(Object.entries(FAILURES))('%s', (_name, script) => {
  test.each([true, false])('fails a request with stream: %s in the words of the provider', async (stream) => {
    await using broker = await startBrokerWithProviders([{ script }], { timerMs })
    const response = await broker.sendChat({ stream })
    expect(response.error?.message).toContain(WORDS)
    expect(response.isDone).toBe(false)
  })
})

test.each([
  ['a last event that is cut', `data: ${CHUNKS[0]}\n\ndata: ${CHUNKS[1]?.slice(0, 40)}`],
  ['a last line that is cut', `${CHUNKS[0]}\n${CHUNKS[1]?.slice(0, 40)}`],
  ['a list that is cut', `[${CHUNKS[0]},${CHUNKS[1]?.slice(0, 40)}`],
])('%s is no whole response', async (_name, text) => {
  await using broker = await startBrokerWithProviders([{ script: body(STREAM_TYPE, text) }], { timerMs })
  for (const stream of [true, false]) {
    const response = await broker.sendChat({ stream })
    expect(response.error?.message, String(stream)).toBeDefined()
    expect(response.finish).toBeUndefined()
  }
})
