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
import { createBackOff, type BackOff } from '../../../base/backoff.ts'
import type { DaemonLog } from '../../log.ts'
import { restDoors, type TcpAddress } from '../../listeners/listeners.ts'
import { LINE_FD, openLine, type Line } from '../ipc/ipc-channel.ts'
import {
  errorTold,
  TOPICS,
  type FromWorker,
  type News,
  type Topic,
  type ToWorker,
} from '../ipc/ipc-messages.ts'
import { watchWorker } from './worker-heartbeat.ts'
import { WorkerBooks, type BookRooms } from './remote-accounting-server.ts'

export interface FleetParts {
  readonly config: Config
  readonly flags: Flags
  readonly clock: Clock
  readonly log: DaemonLog
  readonly sockets: SocketPaths
  readonly rooms: BookRooms & { readonly running: Rooms['running'] }
  readonly metrics: { readonly answered: Metrics['answered'] }
  /** The current state of each topic that workers need. */
  readonly state: { readonly [T in Topic]: () => Extract<News, { topic: T }>['value'] }
}

/** The worker processes of a primary. */
export interface Fleet {
  readonly tcp: TcpAddress | undefined
  /** Sends the current state of `topic` to all workers; resolves when each has acknowledged it or has exited. */
  tell(topic: Topic): Promise<void>
  /** Removes the sockets, drains the workers within the configured timeout, and ends them. */
  close(): Promise<void>
}

/** A worker that exits later than this after its start did not fail at its start: its backoff begins anew. */
const STABLE_MS = 60_000
/** Grace period beyond the drain itself, for final error responses and the settlements after them. */
const SETTLE_GRACE_MS = 10_000

interface Hand {
  readonly number: number
  readonly process: Worker
  readonly line: Line<ToWorker>
  /** Resolvers of updates and pings that it has not acknowledged yet, by serial number. */
  readonly unheard: Map<number, () => void>
  /** Resolves with its TCP port. */
  readonly ready: PromiseWithResolvers<number | undefined>
}

/** Starts the workers and resolves when all of them serve requests. Throws `cannot-start`, or what kept one from starting. */
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
  // Round robin by connection: when several processes listen, the kernel distributes connections very unevenly.
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
  readonly #workers = new Map<number, Hand>()
  readonly #exits = new Set<Promise<void>>()
  #serial = 0
  #state: 'running' | 'closing' = 'running'
  tcp: TcpAddress | undefined

  constructor(parts: FleetParts, paths: readonly string[]) {
    this.#parts = parts
    this.#paths = paths
  }

  async start(): Promise<void> {
    const { config, clock } = this.#parts
    const numbers = Array.from({ length: config.workers }, (_, index) => index + 1)
    const [port] = await Promise.all(numbers.map((number) => this.#startWorker(number, createBackOff(clock))))
    if (config.listen !== undefined && port !== undefined) this.tcp = { ...config.listen, port }
  }

  async tell(topic: Topic): Promise<void> {
    const value = this.#parts.state[topic]()
    await Promise.all(
      [...this.#workers.values()].map((worker) => this.#sendUpdate(worker, { topic, value } as News)),
    )
  }

  async close(): Promise<void> {
    const { config, clock, rooms } = this.#parts
    this.#state = 'closing'
    for (const path of this.#paths) rmSync(path, { force: true })
    for (const { line } of this.#workers.values()) line.send({ type: 'drain' })
    // Requests that workers forwarded run in this process.
    const cancelEnd = clock.after(config.drainTimeoutMs, () => rooms.running.endAll())
    const cancelKill = clock.after(config.drainTimeoutMs + SETTLE_GRACE_MS, () => {
      for (const { process } of this.#workers.values()) process.process.kill('SIGKILL')
    })
    await Promise.all(this.#exits)
    cancelEnd()
    cancelKill()
  }

  /** Starts the worker of this number, and restarts it whenever it exits. Resolves with its TCP port when it is ready. */
  #startWorker(number: number, backOff: BackOff): Promise<number | undefined> {
    const startedAt = this.#parts.clock.monotonic()
    const worker = this.#launch(number)
    const exited = new Promise<void>((resolve) => {
      worker.process.once('exit', (code, signal) => {
        this.#exits.delete(exited)
        worker.ready.reject(new Error(`worker ${number} ended with ${signal ?? code} before it was ready`))
        resolve()
        if (this.#state === 'running') this.#restart(number, backOff, { startedAt, code, signal })
      })
    })
    this.#exits.add(exited)
    return worker.ready.promise
  }

  #restart(
    number: number,
    backOff: BackOff,
    { startedAt, code, signal }: { startedAt: number; code: number | null; signal: string | null },
  ): void {
    const { clock, log } = this.#parts
    if (clock.monotonic() - startedAt > STABLE_MS) backOff.forgive()
    backOff.fail()
    const restMs = backOff.restMs()
    log.error({ worker: number, code, signal, restMs }, 'a worker ended and is started again')
    clock.after(restMs, () => {
      if (this.#state === 'running') this.#startWorker(number, backOff).catch(() => undefined)
    })
  }

  #launch(number: number): Hand {
    const { log } = this.#parts
    const child = cluster.fork({ NODE_COMPILE_CACHE: getCompileCacheDir() ?? '' })
    const accounting = new WorkerBooks({
      ...this.#parts,
      answer: (message) => line.send(message),
      answerSoon: (message) => line.sendSoon(message),
    })
    const line = openLine<FromWorker, ToWorker>(ipcSocketOf(child), {
      onMessage: (message) => this.#onMessage(worker, accounting, message),
      onClose: () => {
        accounting.gone()
        this.#workers.delete(number)
        for (const acknowledge of worker.unheard.values()) acknowledge()
      },
    })
    const worker: Hand = {
      number,
      process: child,
      line,
      unheard: new Map(),
      ready: Promise.withResolvers(),
    }
    // After a restart no caller waits for `ready`.
    worker.ready.promise.catch((error: unknown) => log.debug?.({ err: error }, 'a worker did not start'))
    this.#workers.set(number, worker)
    this.#watch(worker)
    for (const topic of TOPICS)
      void this.#sendUpdate(worker, { topic, value: this.#parts.state[topic]() } as News)
    return worker
  }

  #sendUpdate(worker: Hand, update: News): Promise<void> {
    return this.#request(worker, (serial) => ({ type: 'update', serial, update }))
  }

  /** Resolves when the worker has acknowledged the message or has exited. */
  #request({ line, unheard }: Hand, message: (serial: number) => ToWorker): Promise<void> {
    const serial = ++this.#serial
    return new Promise((resolve) => {
      unheard.set(serial, resolve)
      line.send(message(serial))
    })
  }

  #watch(worker: Hand): void {
    const { clock, log } = this.#parts
    const { number, process, ready } = worker
    watchWorker({
      clock,
      ready: ready.promise,
      pulse: () => this.#request(worker, (serial) => ({ type: 'ping', serial })),
      isOver: () => this.#state === 'closing' || this.#workers.get(number) !== worker,
      end(why) {
        log.error({ worker: number }, why)
        process.process.kill('SIGKILL')
      },
    })
  }

  #onMessage(worker: Hand, accounting: WorkerBooks, message: FromWorker): void {
    const { number, process, unheard, ready } = worker
    const { metrics, log } = this.#parts
    switch (message.type) {
      case 'responses':
        for (let left = message.count; left > 0; left--) metrics.answered(message.door, message.status)
        return
      case 'log':
        return log[message.level]?.({ ...message.details, worker: number }, message.message)
      case 'ready':
        log.info({ worker: number, workerPid: process.process.pid }, 'a worker is ready')
        return ready.resolve(message.port)
      case 'cannot-start':
        return ready.reject(errorTold(message.error))
      case 'ack': {
        unheard.get(message.serial)?.()
        unheard.delete(message.serial)
        return
      }
      case 'reserve':
      case 'reserve-within':
      case 'increase-hold':
      case 'settle':
      case 'release':
      case 'upstream-id':
        accounting.hear(message)
    }
  }
}

/** The `pipe` of `stdio`, which is duplex. */
function ipcSocketOf({ process }: Worker): Duplex {
  return process.stdio[LINE_FD] as Duplex
}
