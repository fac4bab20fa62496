// The host runs out of files, disk or time. The tests set limits on the real daemon from outside.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { openResponse, type HttpResponse, type OpenResponse } from '../support/open-request.ts'
import { openaiAt } from '../support/providers-env.ts'
import { chatChunk, inTurn, scriptedUpstream, sse, wait } from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { answers, says } from './scripts.ts'

const hello = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] }
const PRLIMIT = '/usr/bin/prlimit'
const lacksPrlimit = !existsSync(PRLIMIT) || !existsSync('/proc/self/fd')

/** Sets the soft limit of a running process; the hard one stays. */
function limit({ pid }: Broker, what: 'nofile' | 'fsize', to: number | 'unlimited'): void {
  execFileSync(PRLIMIT, ['--pid', String(pid), `--${what}=${to}:`])
}

/** Lets the process open exactly `more` further files. */
function allowMoreFiles(broker: Broker, more: number): void {
  const used = new Set(readdirSync(`/proc/${broker.pid}/fd`).map(Number))
  let bound = 0
  for (let free = -1; free < more; bound++) if (!used.has(bound)) free++
  limit(broker, 'nofile', bound - 1)
}

function openStream(broker: Broker): Promise<OpenResponse> {
  const body = { ...hello, stream: true }
  return openResponse({ socketPath: broker.sockets.rest, method: 'POST', path: '/v1/chat/completions', body })
}

async function warningsOf(broker: Broker): Promise<readonly string[]> {
  return ((await broker.rpc('info')) as { warnings: string[] }).warnings
}

function linesWith(broker: Broker, words: string): number {
  return broker
    .stderr()
    .split('\n')
    .filter((line) => line.includes(words)).length
}

describe.skipIf(lacksPrlimit)('a broker without free file descriptors', () => {
  test('returns an error, raises a warning, continues open requests, and recovers', async () => {
    const { promise: goOn, resolve: go } = Promise.withResolvers<void>()
    const open = [sse(chatChunk('be')), wait(goOn), ...says('gun')]
    await using upstream = await scriptedUpstream(inTurn(open, answers('fine')))
    await using broker = await startBroker({ env: openaiAt(upstream) })
    const stream = await openStream(broker)
    await stream.until('be')

    const postChat = (): Promise<HttpResponse | undefined> =>
      broker.post('/v1/chat/completions', hello).catch(() => undefined)
    // One descriptor for the caller's connection and none for the provider's. The broker itself may take it meanwhile, hence the retries.
    let refused: HttpResponse | undefined
    await expect
      .poll(async () => {
        allowMoreFiles(broker, 1)
        refused = await postChat()
        return refused?.status
      })
      .toBe(503)
    expect(refused?.json).toMatchObject({ error: { metadata: { error_type: 'provider_overloaded' } } })
    expect(refused?.headers['retry-after']).toBe('1')
    expect(refused?.text).toContain('limit of open files')
    await expect.poll(() => linesWith(broker, '"alarm":"open-files"')).toBe(1)

    allowMoreFiles(broker, 0)
    const crowd = await Promise.all(Array.from({ length: 20 }, postChat))
    // Each is either cut off before a response or gets 503; none reaches the provider and none waits.
    for (const response of crowd) expect([undefined, 503]).toContain(response?.status)
    expect(upstream.requests).toHaveLength(1)

    limit(broker, 'nofile', 4096)
    expect((await broker.post('/v1/chat/completions', hello)).status).toBe(200)
    expect((await warningsOf(broker))[0]).toContain('can open no more files')
    go()
    expect(await stream.rest()).toContain('[DONE]')
    expect(upstream.requests).toHaveLength(2)
    await expect.poll(() => broker.openHolds()).toBe(0)
    const statuses = broker.rows().map(({ status }) => status)
    expect(statuses.filter((status) => status === 'finished')).toHaveLength(2)
    expect(new Set(statuses)).toEqual(new Set(['finished', 'failed']))
    // No request left this host without a descriptor, so that none of the failed ones may be billed.
    for (const row of broker.rows().filter(({ status }) => status === 'failed'))
      expect(row).toMatchObject({ cost_nano: 0, uncertain_nano: 0, cost_high_nano: null, unpriced: 0 })
    broker.signal('SIGTERM')
    expect((await broker.ended).exit).toBe(0)
  })
})

describe.skipIf(lacksPrlimit)('a broker whose disk is full', () => {
  test('calls no provider, completes open requests, raises a warning, and writes the ledger when there is space', async () => {
    const { promise: goOn, resolve: go } = Promise.withResolvers<void>()
    const open = [sse(chatChunk('be')), wait(goOn), ...says('gun')]
    await using upstream = await scriptedUpstream(inTurn(open, answers('fine')))
    await using broker = await startBroker({ env: openaiAt(upstream) })
    const stream = await openStream(broker)
    await stream.until('be')

    limit(broker, 'fsize', 1)
    for (let nth = 0; nth < 3; nth++) {
      const refused = await broker.post('/v1/chat/completions', hello)
      expect(refused).toMatchObject({ status: 503, json: { error: { metadata: { code: 'store-full' } } } })
      expect(refused.text).toContain('free some disk space')
    }
    expect(upstream.requests).toHaveLength(1)
    await expect.poll(() => linesWith(broker, '"alarm":"ledger"')).toBe(1)
    expect((await warningsOf(broker))[0]).toContain('the ledger can’t be written')
    go()
    expect(await stream.rest()).toContain('[DONE]')
    expect(broker.rows()).toEqual([])

    limit(broker, 'fsize', 'unlimited')
    await expect.poll(() => broker.rows()).toMatchObject([{ status: 'finished', count_source: 'reported' }])
    expect(broker.openHolds()).toBe(0)
    expect(await warningsOf(broker)).not.toContainEqual(expect.stringContaining('the ledger'))
    expect((await broker.post('/v1/chat/completions', hello)).status).toBe(200)
    expect(upstream.requests).toHaveLength(2)
    broker.signal('SIGTERM')
    expect((await broker.ended).exit).toBe(0)
  })
})

test('streams open at SIGTERM end complete or with an error event, and every one is booked', async () => {
  const { promise: goOn, resolve: go } = Promise.withResolvers<void>()
  await using upstream = await scriptedUpstream((_request, nth) =>
    nth % 2 === 0
      ? [sse(chatChunk('be')), wait(goOn), ...says('gun')]
      : [sse(chatChunk('be')), wait(new Promise(() => undefined))],
  )
  await using broker = await startBroker({ env: { ...openaiAt(upstream), AIBROKER_DRAIN_TIMEOUT_S: '2' } })
  const streams: OpenResponse[] = []
  for (let nth = 0; nth < 20; nth++) {
    const stream = await openStream(broker)
    await stream.until('be')
    streams.push(stream)
  }
  broker.signal('SIGTERM')
  await expect.poll(() => existsSync(broker.sockets.rest)).toBe(false)
  go()
  const endings = await Promise.all(
    streams.map(async (stream) => (await stream.rest()).trimEnd().split('\n\n').at(-1)),
  )
  expect(endings.filter((ending) => ending === 'data: [DONE]')).toHaveLength(10)
  const errors = endings.filter((ending) => ending?.startsWith('data: {"error":{'))
  expect(errors).toHaveLength(10)
  for (const error of errors) expect(error).toContain('told to stop')
  expect((await broker.ended).exit).toBe(0)
  expect(upstream.requests).toHaveLength(20)
  const statuses = broker.rows().map(({ status }) => status)
  expect(statuses.filter((status) => status === 'finished')).toHaveLength(10)
  expect(statuses.filter((status) => status === 'broken')).toHaveLength(10)
  expect(broker.openHolds()).toBe(0)
})
