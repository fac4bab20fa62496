import { setTimeout as pause } from 'node:timers/promises'
import { request, type IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { chatChunk, done, finishChunk, sse, type Step } from '../support/scripted-upstream.ts'
import { startBrokerWithProviders } from './broker-with-providers.ts'
import { answers, expectWhole } from './scripts.ts'

const hello = { messages: [{ role: 'user', content: 'hi' }] }

test('requests above the concurrency limit get 503 at once, and requests that end free their slots', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  await using broker = await startBrokerWithProviders([{ script: [() => promise, ...answers('done')] }], {
    env: { AIBROKER_MAX_OPEN_REQUESTS: '2' },
  })
  const first = [broker.sendChat(), broker.sendChat()]
  await broker.upstreams[0]?.received(1)
  const response = await broker.sendChat()
  expect(response).toMatchObject({ status: 503, error: { metadata: { error_type: 'provider_overloaded' } } })
  expect(response.headers['retry-after']).toBe('1')
  expect(broker.seen()).toEqual([2])
  resolve()
  for (const each of first) expectWhole(await each, 'done')
  expectWhole(await broker.sendChat(), 'done')
})

test('a caller who reads slowly slows only its own provider, and does not time out', async () => {
  const piece = 'x'.repeat(16_000)
  let written = 0
  const flood: readonly Step[] = [
    async (response, closed) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (let nth = 0; nth < 2000 && !response.destroyed; nth++) {
        written++
        if (!response.write(`data: ${JSON.stringify(chatChunk(piece))}\n\n`))
          await Promise.race([new Promise((go) => response.once('drain', go)), closed])
      }
    },
    sse(finishChunk(), done),
  ]
  await using broker = await startBrokerWithProviders([
    { script: (_request, nth) => (nth === 0 ? flood : answers('quick')) },
  ])
  const path = '/v1/chat/completions'
  const headers = { 'content-type': 'application/json' }
  const slow = request({ socketPath: broker.daemon.sockets.rest, path, method: 'POST', headers })
  slow.end(JSON.stringify({ ...hello, model: 'm', stream: true }))
  const response = await new Promise<IncomingMessage>((go) => slow.once('response', go))
  await pause(300)
  const before = written
  // The data waits in the buffers of two sockets, not in the broker's memory.
  expect(before).toBeLessThan(500)
  expectWhole(await broker.sendChat(), 'quick')
  broker.skip(300_000)
  await pause(450)
  expect(written).toBe(before)
  let received = ''
  for await (const part of response) received += String(part).slice(-200)
  expect(received).toContain('[DONE]')
  expect(written).toBe(2000)
})
