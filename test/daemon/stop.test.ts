import { existsSync, readdirSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openResponse, type OpenResponse } from '../support/open-request.ts'
import { openaiAt } from '../support/providers-env.ts'
import {
  chatChunk,
  done,
  finishChunk,
  json,
  scriptedUpstream,
  sse,
  stall,
  usageChunk,
  wait,
} from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const usage = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 }

test('a stopping daemon finishes open streams, refuses new connections, writes the rows and removes its sockets', async () => {
  using folder = tempFolder()
  const { promise: goOn, resolve: go } = Promise.withResolvers<void>()
  await using upstream = await scriptedUpstream([
    sse(chatChunk('before')),
    wait(goOn),
    sse(chatChunk(' after'), finishChunk(), usageChunk(usage), done),
  ])
  await using broker = await startBroker({ folder: folder.path, env: openaiAt(upstream) })
  const stream = await openStream(broker)
  await stream.until('before')
  broker.signal('SIGTERM')
  await expect.poll(() => existsSync(broker.sockets.rest)).toBe(false)
  await expect(broker.get('/health')).rejects.toMatchObject({ code: 'ENOENT' })

  go()
  const text = await stream.rest()
  expect(text).toContain(' after')
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
  expect((await broker.ended).exit).toBe(0)
  expect(broker.rows()).toMatchObject([{ status: 'finished', cost_nano: 21_000 }])
  expect(broker.openHolds()).toBe(0)
  expect(socketsIn(broker)).toEqual([])
})

test('a stream longer than the drain timeout ends with an error event and is settled', async () => {
  using folder = tempFolder()
  await using upstream = await scriptedUpstream([sse(chatChunk('said so far')), stall])
  await using broker = await startBroker({
    folder: folder.path,
    env: { ...openaiAt(upstream), AIBROKER_DRAIN_TIMEOUT_S: '1' },
  })
  const stream = await openStream(broker)
  await stream.until('said so far')
  broker.signal('SIGTERM')
  const events = (await stream.rest()).trimEnd().split('\n\n')
  expect(JSON.parse(events.at(-1)?.replace('data: ', '') ?? '')).toMatchObject({
    error: { code: 'service_unavailable', metadata: { error_type: 'provider_unavailable' } },
  })
  expect(await (await upstream.received(0)).closed).toBe('hung-up')
  expect((await broker.ended).exit).toBe(0)
  expect(broker.rows()).toMatchObject([{ status: 'broken', provider: 'openai', count_source: 'bounded' }])
  expect(broker.openHolds()).toBe(0)
  expect(socketsIn(broker)).toEqual([])
})

test('a response that has not begun within the drain timeout becomes an error that says so', async () => {
  using folder = tempFolder()
  await using upstream = await scriptedUpstream([stall])
  await using broker = await startBroker({
    folder: folder.path,
    env: { ...openaiAt(upstream), AIBROKER_DRAIN_TIMEOUT_S: '1' },
  })
  const answer = broker.post('/v1/chat/completions', chat(false))
  await upstream.received(0)
  broker.signal('SIGTERM')
  expect(await answer).toMatchObject({ status: 503, json: { error: { code: 'service_unavailable' } } })
  expect((await broker.ended).exit).toBe(0)
  expect(broker.rows()).toMatchObject([
    {
      status: 'failed',
      attempts_detail: expect.stringContaining('"endpoint":"openai/gpt-4o-mini"') as string,
    },
  ])
  expect(broker.openHolds()).toBe(0)
})

test('a caller that never reads its response does not delay the stop', async () => {
  using folder = tempFolder()
  const flood = Array.from({ length: 4000 }, () => chatChunk('x'.repeat(4096)))
  await using upstream = await scriptedUpstream([sse(...flood), stall])
  await using broker = await startBroker({
    folder: folder.path,
    env: { ...openaiAt(upstream), AIBROKER_DRAIN_TIMEOUT_S: '1' },
  })
  const stream = await openStream(broker)
  broker.signal('SIGTERM')
  expect((await broker.ended).exit).toBe(0)
  expect(broker.rows()).toHaveLength(1)
  expect(broker.openHolds()).toBe(0)
  stream.hangUp()
})

test('idle connections do not delay the stop', async () => {
  using folder = tempFolder()
  await using broker = await startBroker({ folder: folder.path })
  const agent = new Agent({ keepAlive: true })
  await broker.get('/health', { agent })
  broker.signal('SIGINT')
  expect((await broker.ended).exit).toBe(0)
  agent.destroy()
})

function openStream(broker: Broker): Promise<OpenResponse> {
  const path = '/v1/chat/completions'
  return openResponse({ socketPath: broker.sockets.rest, method: 'POST', path, body: chat(true) })
}

function chat(stream: boolean) {
  return { model: 'gpt-4o-mini', stream, messages: [{ role: 'user', content: 'hi' }] }
}

function socketsIn({ sockets, folder }: Broker): string[] {
  expect(existsSync(join(folder, 'v', 'hero_aibroker', 'requests.db'))).toBe(true)
  return readdirSync(sockets.folder).filter((name) => !name.startsWith('.'))
}

test('a request that waits to retry a busy provider gets an error when the broker stops', async () => {
  await using upstream = await scriptedUpstream([
    json(429, { error: { message: 'slow down' } }, { 'retry-after': '4' }),
  ])
  await using broker = await startBroker({
    env: { ...openaiAt(upstream), AIBROKER_DRAIN_TIMEOUT_S: '1' },
  })
  const messages = [{ role: 'user', content: 'hi' }]
  const answer = broker.post('/v1/chat/completions', { model: 'gpt-4o-mini', messages })
  await upstream.received(0)
  broker.signal('SIGTERM')
  expect(await answer).toMatchObject({ status: 503, text: expect.stringContaining('told to stop') as string })
  expect((await broker.ended).exit).toBe(0)
  expect(upstream.requests.length).toBe(1)
  expect(broker.openHolds()).toBe(0)
})
