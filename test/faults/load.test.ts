import { setTimeout as pause } from 'node:timers/promises'
import { request, type IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import {
  chatChunk,
  cut,
  done,
  finishChunk,
  json,
  raw,
  reset,
  sse,
  stall,
  type Script,
  type Step,
} from '../support/scripted-upstream.ts'
import { brokerBefore } from './broker-before.ts'
import { answers, expectWhole, refuses, role, says } from './scripts.ts'

const hello = { messages: [{ role: 'user', content: 'hi' }] }

test('more open requests than allowed are turned away at once, and room is made by those that end', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  await using broker = await brokerBefore([{ script: [() => promise, ...answers('done')] }], {
    env: { AIBROKER_MAX_OPEN_REQUESTS: '2' },
  })
  const first = [broker.ask(), broker.ask()]
  await broker.upstreams[0]?.received(1)
  const told = await broker.ask()
  expect(told).toMatchObject({ status: 503, error: { metadata: { error_type: 'provider_overloaded' } } })
  expect(told.headers['retry-after']).toBe('1')
  expect(broker.seen()).toEqual([2])
  resolve()
  for (const each of first) expectWhole(await each, 'done')
  expectWhole(await broker.ask(), 'done')
})

test('a caller who reads slowly slows only its own provider, and is not taken for a silent one', async () => {
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
  await using broker = await brokerBefore([
    { script: (_request, nth) => (nth === 0 ? flood : answers('quick')) },
  ])
  const path = '/v1/chat/completions'
  const headers = { 'content-type': 'application/json' }
  const slow = request({ socketPath: broker.daemon.sockets.rest, path, method: 'POST', headers })
  slow.end(JSON.stringify({ ...hello, model: 'm', stream: true }))
  const response = await new Promise<IncomingMessage>((go) => slow.once('response', go))
  await pause(300)
  const before = written
  // Held back by two sockets' buffers, not by the broker's memory.
  expect(before).toBeLessThan(500)
  expectWhole(await broker.ask(), 'quick')
  broker.skip(300_000)
  await pause(450)
  expect(written).toBe(before)
  let heard = ''
  for await (const part of response) heard += String(part).slice(-200)
  expect(heard).toContain('[DONE]')
  expect(written).toBe(2000)
})

/** Everything that goes wrong elsewhere in this folder, one after the other, with good answers between. */
const MISHAPS: readonly (readonly Step[])[] = [
  says('good'),
  refuses(500),
  [sse(role, chatChunk('go')), cut],
  says('good'),
  [reset],
  refuses(429, 'slow', { 'retry-after': '0' }),
  [sse(role), raw('data: {"choi'), cut],
  [json(200, { error: { message: 'no', code: 500 } })],
  says('go', 'od'),
  [raw('<html>')],
  [sse(chatChunk('g'), chatChunk('oo')), stall],
]

test(
  'everything at once, over and over, leaves no socket, hold or growing memory behind',
  { timeout: 90_000 },
  async () => {
    const script: Script = (_request, nth) => MISHAPS[nth % MISHAPS.length] ?? []
    const keys = ['sk-1', 'sk-2', 'sk-3', 'sk-4']
    await using broker = await brokerBefore([{ script, keys }, { script, keys }, { script: says('good') }], {
      over: 'tcp',
    })
    const outcomes = { whole: 0, broken: 0, refused: 0, left: 0 }
    const heaps: number[] = []
    for (let round = 0; round < 12; round++) {
      await Promise.all(Array.from({ length: 40 }, (_, nth) => (nth % 8 === 0 ? leave() : ask())))
      broker.skip(121_000)
      await pause(50)
      globalThis.gc?.()
      heaps.push(process.memoryUsage().heapUsed)
    }
    await pause(500)
    broker.skip(200_000)
    await broker.entry()
    expect(broker.daemon.rooms.ledger.openHolds()).toEqual([])
    expect(outcomes.whole).toBeGreaterThan(300)
    expect(outcomes.whole + outcomes.broken + outcomes.refused + outcomes.left).toBe(480)
    for (const { running } of [...broker.daemon.rooms.providers().values()].flatMap((each) => each.lanes()))
      expect(running).toBe(0)
    await broker.daemon.close()
    expect(await Promise.all(broker.upstreams.map((each) => each.openConnections()))).toEqual([0, 0, 0])
    const early = Math.max(...heaps.slice(2, 6))
    expect(Math.min(...heaps.slice(-4))).toBeLessThan(early + 20 * 1024 * 1024)

    async function ask(): Promise<void> {
      const skipping = setInterval(() => broker.skip(121_000), 400)
      const told = await broker.ask({ stream: true }).finally(() => clearInterval(skipping))
      if (told.status !== 200) outcomes.refused++
      else if (told.error === undefined) {
        expectWhole(told, 'good')
        outcomes.whole++
      } else {
        expect([told.isDone, told.finish]).toEqual([false, 'error'])
        outcomes.broken++
      }
    }

    async function leave(): Promise<void> {
      const asked = request({
        socketPath: broker.daemon.sockets.rest,
        path: '/v1/chat/completions',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
      })
      asked.on('error', () => undefined)
      asked.end(JSON.stringify({ ...hello, model: 'm', stream: true }))
      await pause(5)
      asked.destroy()
      outcomes.left++
    }
  },
)
