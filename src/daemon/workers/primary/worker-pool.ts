import cluster, { type Worker } from 'node:cluster'
import { rmSync } from 'node:fs'
import { getCompileCacheDir } from 'node:module'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../../../base/clock.ts'
import type { Metrics } from '../../../telemetry/metrics.ts'
import type { InFlight } from '../../../inference/admission/in-flight.ts'
import type { HttpServices } from '../../../inference/services/services.ts'
import type { Config, Flags } from '../../../config/config.ts'
import { prepareSocketPath } from '../../../runtime/bind.ts'
import type { DrainTimer } from '../../../runtime/drain-timer.ts'
import type { SocketPaths } from '../../../runtime/socket-paths.ts'
import { createBackoff, type Backoff } from '../../../base/backoff.ts'
import type { DaemonLog } from '../../log.ts'
import { restListeners, type TcpAddress } from '../../listeners/listeners.ts'
import { IPC_FD, openIpcChannel, type IpcChannel } from '../ipc/ipc-channel.ts'
import {
  deserializeError,
  TOPICS,
  type FromWorker,
  type StateUpdate,
  type Topic,
  type ToWorker,
} from '../ipc/ipc-messages.ts'
import { startHeartbeat } from './worker-heartbeat.ts'
import { RemoteAccountingServer, type AccountingServices } from './remote-accounting-server.ts'

export interface WorkerPoolParts {
  readonly config: Config
  readonly flags: Flags
  readonly clock: Clock
  readonly log: DaemonLog
  readonly sockets: SocketPaths
  readonly drainTimer: DrainTimer
  readonly services: AccountingServices & { readonly inFlight: InFlight }
  readonly http: HttpServices
  readonly metrics: { readonly recordResponse: Metrics['recordResponse'] }
  /** The current state of each topic that workers need. */
  readonly state: { readonly [T in Topic]: () => Extract<StateUpdate, { topic: T }>['value'] }
}

/** The worker processes of a primary. */
export interface WorkerPool {
  /** Starts the workers and resolves when all of them serve requests. Throws what kept one from starting. */
  start(): Promise<void>
  readonly tcp: TcpAddress | undefined
  /** Whether a worker serves the shared sockets now. */
  isServing(): boolean
  /** Sends the current state of `topic` to all workers; resolves when each has acknowledged it or has exited. */
  broadcast(topic: Topic): Promise<void>
  /** Removes the sockets, drains the workers within the configured timeout, and ends them. */
  close(): Promise<void>
}

/** A worker that exits later than this after its start did not fail at its start: its backoff begins anew. */
const STABLE_MS = 60_000
/** Grace period beyond the drain itself, for final error responses and the settlements after them. */
const SETTLE_GRACE_MS = 10_000

interface WorkerHandle {
  readonly number: number
  readonly process: Worker
  readonly channel: IpcChannel<ToWorker>
  /** Resolvers of updates and pings that it has not acknowledged yet, by serial number. */
  readonly unacknowledged: Map<number, () => void>
  /** Resolves with its TCP port. */
  readonly ready: PromiseWithResolvers<number | undefined>
  isReady: boolean
}

/**
 * Prepares the shared sockets. The pool is returned before its workers are started, so that its owner can broadcast to them
 * from then on: a change that happens while they start would be lost otherwise. Throws `cannot-start`.
 */
export async function createWorkerPool(parts: WorkerPoolParts): Promise<WorkerPool> {
  const { config, sockets } = parts
  const paths = restListeners(config, sockets).map(({ path }) => path)
  for (const path of paths) await prepareSocketPath(path)
  prepareCluster(parts.flags)
  return new RunningWorkerPool(parts, paths)
}

const NO_INSPECTOR = '--disable-sigusr1'

function prepareCluster(flags: Flags): void {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  // Round robin by connection: when several processes listen, the kernel distributes connections very unevenly.
  cluster.schedulingPolicy = cluster.SCHED_RR
  cluster.setupPrimary({
    exec: fileURLToPath(new URL(`../worker/worker-main.${extension}`, import.meta.url)),
    args: [JSON.stringify(flags)],
    // Node must not open its inspector on SIGUSR1.
    execArgv: [...process.execArgv.filter((flag) => flag !== NO_INSPECTOR), NO_INSPECTOR],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'],
  })
}

class RunningWorkerPool implements WorkerPool {
  readonly #parts: WorkerPoolParts
  readonly #paths: readonly string[]
  readonly #workers = new Map<number, WorkerHandle>()
  readonly #exits = new Set<Promise<void>>()
  #serial = 0
  #state: 'running' | 'closing' = 'running'
  tcp: TcpAddress | undefined

  constructor(parts: WorkerPoolParts, paths: readonly string[]) {
    this.#parts = parts
    this.#paths = paths
  }

  async start(): Promise<void> {
    const { config, clock } = this.#parts
    const numbers = Array.from({ length: config.workers }, (_, index) => index + 1)
    const [port] = await Promise.all(numbers.map((number) => this.#startWorker(number, createBackoff(clock))))
    if (config.listen !== undefined && port !== undefined) this.tcp = { ...config.listen, port }
  }

  isServing(): boolean {
    return this.#state === 'running' && [...this.#workers.values()].some(({ isReady }) => isReady)
  }

  async broadcast(topic: Topic): Promise<void> {
    const value = this.#parts.state[topic]()
    await Promise.all(
      [...this.#workers.values()].map((worker) => this.#sendUpdate(worker, { topic, value } as StateUpdate)),
    )
  }

  async close(): Promise<void> {
    const { drainTimer, services } = this.#parts
    this.#state = 'closing'
    for (const path of this.#paths) rmSync(path, { force: true })
    this.#sendToAll({ type: 'drain', hurry: drainTimer.isHurrying })
    const cancelHurry = drainTimer.onHurry(() => this.#sendToAll({ type: 'drain', hurry: true }))
    // Requests that workers forwarded run in this process.
    const cancelEnd = drainTimer.after(0, () => services.inFlight.stopAll())
    const cancelKill = drainTimer.after(SETTLE_GRACE_MS, () => {
      for (const { process } of this.#workers.values()) process.process.kill('SIGKILL')
    })
    await Promise.all(this.#exits)
    cancelHurry()
    cancelEnd()
    cancelKill()
  }

  #sendToAll(message: ToWorker): void {
    for (const { channel } of this.#workers.values()) channel.send(message)
  }

  /** Starts the worker of this number, and restarts it whenever it exits. Resolves with its TCP port when it is ready. */
  #startWorker(number: number, backOff: Backoff): Promise<number | undefined> {
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
    backOff: Backoff,
    { startedAt, code, signal }: { startedAt: number; code: number | null; signal: string | null },
  ): void {
    const { clock, log } = this.#parts
    if (clock.monotonic() - startedAt > STABLE_MS) backOff.reset()
    backOff.recordFailure()
    const restMs = backOff.cooldownMs()
    log.error({ worker: number, code, signal, restMs }, 'a worker ended and is started again')
    clock.after(restMs, () => {
      if (this.#state === 'running') this.#startWorker(number, backOff).catch(() => undefined)
    })
  }

  #launch(number: number): WorkerHandle {
    const { log } = this.#parts
    const child = cluster.fork({ NODE_COMPILE_CACHE: getCompileCacheDir() ?? '' })
    const accounting = new RemoteAccountingServer({
      ...this.#parts,
      respond: (message) => channel.send(message),
      respondDeferred: (message) => channel.sendDeferred(message),
    })
    const channel = openIpcChannel<FromWorker, ToWorker>(ipcSocketOf(child), {
      onMessage: (message) => this.#onMessage(worker, accounting, message),
      onClose: () => {
        accounting.onWorkerExit()
        // A successor may have been started already.
        if (this.#workers.get(number) === worker) this.#workers.delete(number)
        for (const acknowledge of worker.unacknowledged.values()) acknowledge()
      },
    })
    const worker: WorkerHandle = {
      number,
      process: child,
      channel,
      unacknowledged: new Map(),
      ready: Promise.withResolvers(),
      isReady: false,
    }
    // After a restart no caller waits for `ready`.
    worker.ready.promise.catch((error: unknown) => log.debug?.({ err: error }, 'a worker did not start'))
    this.#workers.set(number, worker)
    this.#watch(worker)
    for (const topic of TOPICS)
      void this.#sendUpdate(worker, { topic, value: this.#parts.state[topic]() } as StateUpdate)
    return worker
  }

  #sendUpdate(worker: WorkerHandle, update: StateUpdate): Promise<void> {
    return this.#request(worker, (serial) => ({ type: 'update', serial, update }))
  }

  /** Resolves when the worker has acknowledged the message or has exited. */
  #request({ channel, unacknowledged }: WorkerHandle, message: (serial: number) => ToWorker): Promise<void> {
    const serial = ++this.#serial
    return new Promise((resolve) => {
      unacknowledged.set(serial, resolve)
      channel.send(message(serial))
    })
  }

  #watch(worker: WorkerHandle): void {
    const { clock, log } = this.#parts
    const { number, process, ready } = worker
    startHeartbeat({
      clock,
      ready: ready.promise,
      ping: () => this.#request(worker, (serial) => ({ type: 'ping', serial })),
      isExiting: () => this.#state === 'closing' || this.#workers.get(number) !== worker,
      kill(reason) {
        log.error({ worker: number }, reason)
        process.process.kill('SIGKILL')
      },
    })
  }

  #onMessage(worker: WorkerHandle, accounting: RemoteAccountingServer, message: FromWorker): void {
    const { number, process, unacknowledged, ready } = worker
    const { metrics, log } = this.#parts
    switch (message.type) {
      case 'responses':
        for (let left = message.count; left > 0; left--)
          metrics.recordResponse(message.listener, message.status)
        return
      case 'log':
        return log[message.level]?.({ ...message.details, worker: number }, message.message)
      case 'ready':
        log.info({ worker: number, workerPid: process.process.pid }, 'a worker is ready')
        worker.isReady = true
        return ready.resolve(message.port)
      case 'cannot-start':
        return ready.reject(deserializeError(message.error))
      case 'ack': {
        unacknowledged.get(message.serial)?.()
        unacknowledged.delete(message.serial)
        return
      }
      case 'reserve':
      case 'reserve-within':
      case 'await-money':
      case 'increase-hold':
      case 'settle':
      case 'release':
      case 'upstream-id':
      case 'refusal':
        accounting.onMessage(message)
    }
  }
}

/** The `pipe` of `stdio`, which is duplex. */
function ipcSocketOf({ process }: Worker): Duplex {
  return process.stdio[IPC_FD] as Duplex
}
