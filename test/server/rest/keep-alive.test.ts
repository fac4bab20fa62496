import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BrokerError } from '../../../src/base/errors.ts'
import { AnswerOnReply } from '../../../src/server/rest/inference/http-response-sink.ts'
import { manualClock, type ManualClock } from '../../support/manual-clock.ts'
import { openaiClient } from '../../support/openai-client.ts'
import { openDoor, type OpenDoor } from '../http/open-server.ts'

const COMMENT = ': OPENROUTER PROCESSING\n\n'
const MINUTE_MS = 60_000
const chunk = (content: string, finish_reason: string | null = null) =>
  JSON.stringify({
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta: { content }, finish_reason }],
  })

let clock: ManualClock
let door: OpenDoor
let sinks: PromiseWithResolvers<AnswerOnReply>
beforeEach(async () => {
  clock = manualClock()
  sinks = Promise.withResolvers()
  door = await openDoor({
    routes: (fastify) =>
      fastify.post('/v1/chat/completions', (request, reply) => {
        const { stream: streamed } = JSON.parse(String(request.body)) as { stream: boolean }
        const sink = new AnswerOnReply(reply, clock)
        sink.expect({ model: 'm', streamed, object: 'chat.completion.chunk' })
        sink.accept({})
        sinks.resolve(sink)
        // The test writes the response later.
        return new Promise(() => undefined)
      }),
  })
})
afterEach(() => door[Symbol.asyncDispose]())

/** Sends a request and collects its response as it arrives. */
async function ask(stream = true) {
  const { path } = door.where as { path: string }
  const asked = httpRequest({ socketPath: path, path: '/v1/chat/completions', method: 'POST' })
  asked.setHeader('content-type', 'application/json')
  asked.end(JSON.stringify({ stream }))
  const response = once(asked, 'response').then(([answer]) => answer as IncomingMessage)
  let text = ''
  void response.then((answer) => answer.setEncoding('utf8').on('data', (piece: string) => (text += piece)))
  return { sink: await sinks.promise, response, text: () => text }
}

test('a silent stream gets a keep-alive comment, before its first chunk and between chunks, and none while chunks arrive', async () => {
  const { sink, response, text } = await ask()
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
  const { sink, response } = await ask()
  sink.chunk(chunk('one', 'stop'))
  sink.end()
  const answer = await response
  if (!answer.readableEnded) await once(answer, 'end')
  await expect.poll(() => clock.waiting).toBe(0)
})

test('before the first comment an error can set the status, after it the error is sent in the stream', async () => {
  const { sink, response, text } = await ask()
  expect(sink.tell(new BrokerError('upstream-failed', 'no'))).toBe(false)
  clock.advance(10_000)
  expect((await response).statusCode).toBe(200)
  expect(sink.tell(new BrokerError('upstream-failed', 'no', { details: { provider: 'Groq' } }))).toBe(true)
  await once(await response, 'end')
  const event = JSON.parse(text().split('data: ')[1] ?? '') as Record<string, unknown>
  // No chunk was sent, so there are no choices, like at OpenRouter.
  expect(event).toMatchObject({ error: { code: 502, message: 'no' }, choices: [], provider: 'Groq' })
})

test('a plain response never gets a keep-alive comment', async () => {
  const { sink, response, text } = await ask(false)
  clock.advance(MINUTE_MS)
  sink.answer('{"ok":true}')
  const answer = await response
  if (!answer.readableEnded) await once(answer, 'end')
  expect([answer.headers['content-type'], text()]).toEqual(['application/json; charset=utf-8', '{"ok":true}'])
})

test('OpenAI’s client skips the keep-alive comments', async () => {
  const { path } = door.where as { path: string }
  await using client = openaiClient(path)
  const asked = client.chat.completions.create({ model: 'm', messages: [], stream: true })
  const sink = await sinks.promise
  clock.advance(10_000)
  sink.chunk(chunk('one '))
  clock.advance(20_000)
  sink.chunk(chunk('two', 'stop'))
  sink.end()
  let said = ''
  for await (const each of await asked) said += each.choices[0]?.delta.content ?? ''
  expect(said).toBe('one two')
})
