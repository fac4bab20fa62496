import cluster, { type Worker } from 'node:cluster'
import { rmSync } from 'node:fs'
import { getCompileCacheDir } from 'node:module'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../../../base/clock.ts'
import type { Metrics } from '../../../telemetry/metrics.ts'
import type { Rooms } from '../../../inference/services/services.ts'
import type { Config, Flags } from '../../../config/config.ts'
import { clearWay } from '../../../runtime/bind.ts'
import type { SocketPaths } from '../../../runtime/socket-paths.ts'
import { createBackOff } from '../../../base/backoff.ts'
import type { DaemonLog } from '../../log.ts'
import { restDoors, type TcpAddress } from '../../listeners/listeners.ts'
import { LINE_FD, openLine, type Line } from '../ipc/ipc-channel.ts'
import { TOPICS, type FromWorker, type News, type Topic, type ToWorker } from '../ipc/ipc-messages.ts'
import { errorTold } from '../ipc/ipc-error.ts'
import { watchWorker } from './worker-heartbeat.ts'
import { WorkerBooks, type BookRooms } from './remote-accounting-server.ts'

export interface FleetParts {
  readonly config: Config
  readonly flags: Flags
  readonly clock: Clock
  readonly log: DaemonLog
  readonly sockets: SocketPaths
  readonly rooms: BookRooms & Pick<Rooms, 'running'>
  readonly metrics: Pick<Metrics, 'answered'>
  /** What workers must know, as it is now. */
  readonly news: { readonly [T in Topic]: () => Extract<News, { topic: T }>['value'] }
}

/** The workers of a primary. */
export interface Fleet {
  readonly tcp: TcpAddress | undefined
  /** Tells all workers; resolves when each has heard it or is gone. */
  tell(topic: Topic): Promise<void>
  /** Takes the sockets away, lets open requests end within the bound, ends the workers. */
  close(): Promise<void>
}

/** A worker that ran for so long has not failed at once. */
const STABLE_MS = 60_000
/** Beyond the drain itself: the answers' last words, and what is settled after them. */
const FAREWELL_MS = 10_000

interface Hand {
  readonly number: number
  readonly process: Worker
  readonly line: Line<ToWorker>
  /** What it was told and has not heard yet, by serial. */
  readonly unheard: Map<number, () => void>
  readonly ready: PromiseWithResolvers<number | undefined>
}

/** Starts the workers and resolves when all of them answer. Throws `cannot-start`, or what kept one from starting. */
export async function startFleet(parts: FleetParts): Promise<Fleet> {
  const { config, sockets } = parts
  const paths = restDoors(config, sockets).map(({ path }) => path)
  for (const path of paths) await clearWay(path)
  prepareCluster(parts.flags)
  const fleet = new RunningFleet(parts, paths)
  try {
    await fleet.start()
  } catch (error) {
    await fleet.close()
    throw error
  }
  return fleet
}

function prepareCluster(flags: Flags): void {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  // In turn, and by connection: which of several listeners the kernel wakes is anything but even.
  cluster.schedulingPolicy = cluster.SCHED_RR
  cluster.setupPrimary({
    exec: fileURLToPath(new URL(`../worker/worker-main.${extension}`, import.meta.url)),
    args: [JSON.stringify(flags)],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'],
  })
}

class RunningFleet implements Fleet {
  readonly #parts: FleetParts
  readonly #paths: readonly string[]
  readonly #hands = new Map<number, Hand>()
  readonly #ended = new Set<Promise<void>>()
  #serial = 0
  #isClosing = false
  tcp: TcpAddress | undefined

  constructor(parts: FleetParts, paths: readonly string[]) {
    this.#parts = parts
    this.#paths = paths
  }

  async start(): Promise<void> {
    const { config } = this.#parts
    const numbers = Array.from({ length: config.workers }, (_, index) => index + 1)
    const [port] = await Promise.all(numbers.map((number) => this.#keepOne(number)))
    if (config.listen !== undefined && port !== undefined) this.tcp = { ...config.listen, port }
  }

  async tell(topic: Topic): Promise<void> {
    const value = this.#parts.news[topic]()
    await Promise.all([...this.#hands.values()].map((hand) => this.#inform(hand, { topic, value } as News)))
  }

  async close(): Promise<void> {
    const { config, clock, rooms } = this.#parts
    this.#isClosing = true
    for (const path of this.#paths) rmSync(path, { force: true })
    for (const { line } of this.#hands.values()) line.send({ type: 'drain' })
    // What was passed on runs here.
    const cancelEnd = clock.after(config.drainTimeoutMs, () => rooms.running.endAll())
    const cancelKill = clock.after(config.drainTimeoutMs + FAREWELL_MS, () => {
      for (const { process } of this.#hands.values()) process.process.kill('SIGKILL')
    })
    await Promise.all(this.#ended)
    cancelEnd()
    cancelKill()
  }

  /** Starts the worker of this number, and again whenever it ends. Resolves with its TCP port when the first one answers. */
  #keepOne(number: number): Promise<number | undefined> {
    const { clock, log } = this.#parts
    const backOff = createBackOff(clock)
    const start = (): Promise<number | undefined> => {
      const startedAt = clock.monotonic()
      const hand = this.#launch(number)
      const ended = new Promise<void>((resolve) => {
        hand.process.once('exit', (code, signal) => {
          this.#ended.delete(ended)
          hand.ready.reject(new Error(`worker ${number} ended with ${signal ?? code} before it was ready`))
          resolve()
          if (this.#isClosing) return
          if (clock.monotonic() - startedAt > STABLE_MS) backOff.forgive()
          backOff.fail()
          const restMs = backOff.restMs()
          log.error({ worker: number, code, signal, restMs }, 'a worker ended and is started again')
          clock.after(restMs, () => {
            if (!this.#isClosing) start().catch(() => undefined)
          })
        })
      })
      this.#ended.add(ended)
      return hand.ready.promise
    }
    return start()
  }

  #launch(number: number): Hand {
    const { log } = this.#parts
    const child = cluster.fork({ NODE_COMPILE_CACHE: getCompileCacheDir() ?? '' })
    const books = new WorkerBooks({
      ...this.#parts,
      answer: (message) => line.send(message),
      answerSoon: (message) => line.sendSoon(message),
    })
    const line = openLine<FromWorker, ToWorker>(lineOf(child), {
      onMessage: (message) => this.#hear(hand, books, message),
      onClose: () => {
        books.gone()
        this.#hands.delete(number)
        for (const heard of hand.unheard.values()) heard()
      },
    })
    const hand: Hand = {
      number,
      process: child,
      line,
      unheard: new Map(),
      ready: Promise.withResolvers(),
    }
    // Whoever started it may not be waiting for it any more.
    hand.ready.promise.catch((error: unknown) => log.debug?.({ err: error }, 'a worker did not start'))
    this.#hands.set(number, hand)
    this.#watch(hand)
    for (const topic of TOPICS) void this.#inform(hand, { topic, value: this.#parts.news[topic]() } as News)
    return hand
  }

  #inform(hand: Hand, news: News): Promise<void> {
    return this.#tellOne(hand, (serial) => ({ type: 'news', serial, news }))
  }

  /** Resolves when the worker has heard it or is gone. */
  #tellOne({ line, unheard }: Hand, message: (serial: number) => ToWorker): Promise<void> {
    const serial = ++this.#serial
    return new Promise((resolve) => {
      unheard.set(serial, resolve)
      line.send(message(serial))
    })
  }

  #watch(hand: Hand): void {
    const { clock, log } = this.#parts
    const { number, process, ready } = hand
    watchWorker({
      clock,
      ready: ready.promise,
      pulse: () => this.#tellOne(hand, (serial) => ({ type: 'pulse', serial })),
      isOver: () => this.#isClosing || this.#hands.get(number) !== hand,
      end(why) {
        log.error({ worker: number }, why)
        process.process.kill('SIGKILL')
      },
    })
  }

  #hear(hand: Hand, books: WorkerBooks, message: FromWorker): void {
    const { number, process, unheard, ready } = hand
    const { metrics, log } = this.#parts
    switch (message.type) {
      case 'answered':
        for (let left = message.count; left > 0; left--) metrics.answered(message.door, message.status)
        return
      case 'log':
        return log[message.level]?.({ ...message.details, worker: number }, message.message)
      case 'ready':
        log.info({ worker: number, workerPid: process.process.pid }, 'a worker answers')
        return ready.resolve(message.port)
      case 'cannot-start':
        return ready.reject(errorTold(message.error))
      case 'heard': {
        unheard.get(message.serial)?.()
        unheard.delete(message.serial)
        return
      }
      case 'ask':
      case 'ask-again':
      case 'raise':
      case 'settle':
      case 'leave':
      case 'upstream-id':
        books.hear(message)
    }
  }
}

/** Made by the `pipe` of `stdio`: both ends can speak. */
function lineOf({ process }: Worker): Duplex {
  return process.stdio[LINE_FD] as Duplex
}
