import { OPENROUTER } from '../../../src/server/rest/shapes/openrouter.ts'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BrokerError } from '../../../src/base/errors.ts'
import { HttpResponseSink } from '../../../src/server/rest/inference/http-response-sink.ts'
import { manualClock, type ManualClock } from '../../support/manual-clock.ts'
import { openaiClient } from '../../support/openai-client.ts'
import { openServer, type OpenServer } from '../http/open-server.ts'

const COMMENT = ': OPENROUTER PROCESSING\n\n'
const MINUTE_MS = 60_000
const chunk = (content: string, finish_reason: string | null = null) =>
  JSON.stringify({
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta: { content }, finish_reason }],
  })

let clock: ManualClock
let server: OpenServer
let sinks: PromiseWithResolvers<HttpResponseSink>
beforeEach(async () => {
  clock = manualClock()
  sinks = Promise.withResolvers()
  server = await openServer({
    routes: (fastify) =>
      fastify.post('/v1/chat/completions', (request, reply) => {
        const { stream: streamed } = JSON.parse(String(request.body)) as { stream: boolean }
        const sink = new HttpResponseSink(reply, OPENROUTER, clock)
        sink.prepare({ model: 'm', stream: streamed, object: 'chat.completion.chunk' })
        sink.start({})
        sinks.resolve(sink)
        // The test writes the response later.
        return new Promise(() => undefined)
      }),
  })
})
afterEach(() => server[Symbol.asyncDispose]())

/** Sends a request and collects its response as it arrives. */
async function send(stream = true) {
  const { path } = server.where as { path: string }
  const request = httpRequest({ socketPath: path, path: '/v1/chat/completions', method: 'POST' })
  request.setHeader('content-type', 'application/json')
  request.end(JSON.stringify({ stream }))
  const response = once(request, 'response').then(([incoming]) => incoming as IncomingMessage)
  let text = ''
  void response.then((incoming) =>
    incoming.setEncoding('utf8').on('data', (piece: string) => (text += piece)),
  )
  return { sink: await sinks.promise, response, text: () => text }
}

test('a silent stream gets a keep-alive comment, before its first chunk and between chunks, and none while chunks arrive', async () => {
  const { sink, response, text } = await send()
  clock.advance(10_000)
  expect((await response).headers['content-type']).toBe('text/event-stream; charset=utf-8')
  await expect.poll(text).toBe(COMMENT)
  sink.chunk(chunk('one'))
  await expect.poll(text).toContain('one')
  clock.advance(10_000)
  sink.chunk(chunk('two', 'stop'))
  await expect.poll(text).toContain('two')
  expect(text().split(COMMENT)).toHaveLength(2)
  clock.advance(20_000)
  sink.end()
  await once(await response, 'end')
  expect(text().endsWith(`${COMMENT}data: [DONE]\n\n`)).toBe(true)
})

test('the end of a stream cancels its keep-alive timer', async () => {
  const { sink, response } = await send()
  sink.chunk(chunk('one', 'stop'))
  sink.end()
  const incoming = await response
  if (!incoming.readableEnded) await once(incoming, 'end')
  await expect.poll(() => clock.waiting).toBe(0)
})

test('before the first comment an error can set the status, after it the error is sent in the stream', async () => {
  const { sink, response, text } = await send()
  expect(sink.reportError(new BrokerError('upstream-failed', 'no'))).toBe(false)
  clock.advance(10_000)
  expect((await response).statusCode).toBe(200)
  expect(sink.reportError(new BrokerError('upstream-failed', 'no', { details: { provider: 'Groq' } }))).toBe(
    true,
  )
  await once(await response, 'end')
  const event = JSON.parse(text().split('data: ')[1] ?? '') as Record<string, unknown>
  // No chunk was sent, so there are no choices, like at OpenRouter.
  expect(event).toMatchObject({ error: { code: 502, message: 'no' }, choices: [], provider: 'Groq' })
})

test('a plain response never gets a keep-alive comment', async () => {
  const { sink, response, text } = await send(false)
  clock.advance(MINUTE_MS)
  sink.respond('{"ok":true}')
  const incoming = await response
  if (!incoming.readableEnded) await once(incoming, 'end')
  expect([incoming.headers['content-type'], text()]).toEqual([
    'application/json; charset=utf-8',
    '{"ok":true}',
  ])
})

test('OpenAI’s client skips the keep-alive comments', async () => {
  const { path } = server.where as { path: string }
  await using client = openaiClient(path)
  const request = client.chat.completions.create({ model: 'm', messages: [], stream: true })
  const sink = await sinks.promise
  clock.advance(10_000)
  sink.chunk(chunk('one '))
  clock.advance(20_000)
  sink.chunk(chunk('two', 'stop'))
  sink.end()
  let text = ''
  for await (const each of await request) text += each.choices[0]?.delta.content ?? ''
  expect(text).toBe('one two')
})
