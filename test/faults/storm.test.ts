// All faults of this folder, mixed, concurrent and repeated: nothing may be left behind.
//
//     npm run soak        runs it for two minutes
import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import { globalAgent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import {
  chatChunk,
  cut,
  raw,
  reset,
  sse,
  stall,
  type Script,
  type Step,
} from '../support/scripted-upstream.ts'
import { startBrokerWithProviders, type BrokerWithProviders } from './broker-with-providers.ts'
import { answers, expectBroken, expectWhole, FAULTS, role, says, STREAM_FAULTS } from './scripts.ts'

const SECONDS = Number(process.env['FAULTS_FOR_S'] ?? 0)
/** Minimum number of rounds, each of `AT_ONCE` concurrent requests. */
const ROUNDS = 24
const AT_ONCE = 40
/** Longer than any timeout for a silent provider. */
const LEAP_MS = 200_000
/** Longer than any cooldown of a key or circuit, so that every round meets faults and covers an hour of a broker's life. */
const HOUR_MS = 4_000_000

const CALL = { index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: '{' } }
const call = chatChunk('', { choices: [{ index: 0, delta: { tool_calls: [CALL] }, finish_reason: null }] })

/** Faults after a response has begun. */
const BREAKS: readonly (readonly Step[])[] = [
  [sse(role, chatChunk('go')), cut],
  [sse(role, chatChunk('go')), reset],
  [sse(chatChunk('g')), raw('data: {"choi'), cut],
  [sse(chatChunk('g'), chatChunk('oo')), stall],
  [sse(chatChunk('go')), raw('data: {"error":{"message":"broke","code":500}}\n\n')],
  [stall],
  // The caller may have acted on the tool call, so the stream is not recovered.
  [sse(call), cut],
]

const PLAIN = Object.values(FAULTS)
const STREAMED = [...PLAIN, ...Object.values(STREAM_FAULTS), ...BREAKS]

/** Every other response is good; the rest take the faults in turn. */
const mixed: Script = ({ body }, nth) => {
  const bad = isStreamed(body) ? STREAMED : PLAIN
  return (nth % 2 === 0 ? bad[(nth / 2) % bad.length] : undefined) ?? good(body)
}

function isStreamed(body: unknown): boolean {
  return (body as { stream?: boolean }).stream === true
}

function good(body: unknown): readonly Step[] {
  return isStreamed(body) ? says('go', 'od') : answers('good')
}

test(
  'mixed faults under load leave no socket, timer, hold, listener or memory behind',
  { timeout: 120_000 + SECONDS * 2000 },
  async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error): void => void warnings.push(warning)
    process.on('warning', onWarning)
    const handles = liveHandles()
    const listeners = listenersOfProcess()
    const keys = ['sk-1', 'sk-2', 'sk-3', 'sk-4']
    const always: Script = ({ body }) => good(body)
    await using broker = await startBrokerWithProviders(
      [{ script: mixed, keys }, { script: mixed, keys }, { script: always }],
      {
        over: 'tcp',
        discardsRequests: true,
        modelLine: 'hedge: true',
      },
    )
    const storm = new Storm(broker)
    // After this round everything that starts lazily, such as the token-counting thread, is running.
    await storm.round(0)
    await waitUntilIdle(broker)
    const [sockets, timers] = [openSockets(), broker.timers]

    const heaps: number[] = []
    const until = performance.now() + SECONDS * 1000
    for (let round = 1; round <= ROUNDS || performance.now() < until; round++) {
      await storm.round(round)
      broker.skip(HOUR_MS)
      heaps.push(heapAfterCollection())
    }

    await waitUntilIdle(broker)
    const { counts } = storm
    expect(counts.whole).toBeGreaterThan(counts.broken)
    expect(counts.broken).toBeGreaterThan(0)
    expect(counts.whole + counts.broken + counts.refused + counts.hungUp).toBe((1 + heaps.length) * AT_ONCE)
    for (const { inFlight } of [...broker.daemon.services.providers().values()].flatMap((each) =>
      each.keys(),
    ))
      expect(inFlight).toBe(0)
    // Some sockets of the first round may still have been closing when they were counted.
    await expect.poll(() => openSockets()).toBeLessThanOrEqual(sockets)
    await expect.poll(() => broker.timers).toBeLessThanOrEqual(timers)
    // The first third fills statistics, compiled code and caches, which stay; after that the heap must not grow.
    const third = Math.ceil(heaps.length / 3)
    expect(Math.min(...heaps.slice(-third))).toBeLessThan(
      Math.max(...heaps.slice(0, third)) + 6 * 1024 * 1024,
    )

    await broker.daemon.close()
    // A timer that checks connections or silent streams stops at its next tick once there are none.
    await expect.poll(() => broker.timers).toBe(0)
    globalAgent.destroy()
    expect(listenersOfProcess()).toEqual(listeners)
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
    for (const upstream of broker.upstreams) await upstream[Symbol.asyncDispose]()
    await expect.poll(() => liveHandles()).toBeLessThanOrEqual(handles)
  },
)

/** Waits until no request is running and all kept connections are closed. */
async function waitUntilIdle(broker: BrokerWithProviders): Promise<void> {
  await broker.entry()
  broker.skip(LEAP_MS)
  globalAgent.destroy()
  for (const upstream of broker.upstreams) await expect.poll(() => upstream.openConnections()).toBe(0)
}

class Storm {
  readonly counts = { whole: 0, broken: 0, refused: 0, hungUp: 0 }
  readonly #broker: BrokerWithProviders

  constructor(broker: BrokerWithProviders) {
    this.#broker = broker
  }

  async round(nth: number): Promise<void> {
    const leaping = setInterval(() => this.#broker.skip(LEAP_MS), 300)
    const all = Array.from({ length: AT_ONCE }, (_, at) =>
      at % 8 === 0 ? this.#hangUp() : this.#sendChat(at + nth),
    )
    await Promise.all(all).finally(() => clearInterval(leaping))
  }

  async #sendChat(nth: number): Promise<void> {
    const response = await this.#broker.sendChat({ stream: nth % 4 !== 0 })
    if (response.status !== 200) this.counts.refused++
    else if (response.error === undefined) {
      expectWhole(response, 'good')
      this.counts.whole++
    } else {
      expectBroken(response)
      this.counts.broken++
    }
  }

  async #hangUp(): Promise<void> {
    const headers = { 'content-type': 'application/json' }
    const path = '/v1/chat/completions'
    const outgoing = request({ socketPath: this.#broker.daemon.sockets.rest, path, method: 'POST', headers })
    outgoing.on('error', () => undefined)
    outgoing.end(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }], stream: true }))
    await pause(5)
    outgoing.destroy()
    this.counts.hungUp++
  }
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function heapAfterCollection(): number {
  collect()
  return process.memoryUsage().heapUsed
}

/** Sockets, servers, watchers and timers that keep a process alive. */
function liveHandles(): number {
  return process.getActiveResourcesInfo().filter((kind) => /Wrap|Timeout|Immediate/.test(kind)).length
}

/** Counted in /proc; 0 on systems without it. Only sockets, because threads that come and go open files of their own. */
function openSockets(): number {
  const folder = '/proc/self/fd'
  if (!existsSync(folder)) return 0
  return readdirSync(folder).filter((fd) => isSocket(`${folder}/${fd}`)).length
}

function isSocket(path: string): boolean {
  try {
    return readlinkSync(path).startsWith('socket:')
  } catch {
    return false
  }
}

function listenersOfProcess(): Record<string, number> {
  return Object.fromEntries(process.eventNames().map((name) => [String(name), process.listenerCount(name)]))
}
