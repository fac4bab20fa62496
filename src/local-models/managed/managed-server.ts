// A model server on this host that runs on demand: the first request starts it, idle time ends it.
import { rmSync } from 'node:fs'
import { type Clock, wait } from '../../base/clock.ts'
import { asBrokerError, BrokerError } from '../../base/errors.ts'
import { createBackoff, type Backoff } from '../../base/backoff.ts'
import { httpGet, type LocalAddress } from '../http-get.ts'
import { endOrphan } from './process-record.ts'
import { substituteAddress, scrubbedEnvironment } from './server-command.ts'
import { startProcess, type ServerProcess } from './server-process.ts'
import { clearAddress } from '../listen.ts'

export interface ManagedServerOptions {
  /** For messages and the log. */
  readonly name: string
  /** Program and arguments; no shell. `{socket}` and `{port}` stand for the address. */
  readonly command: readonly string[]
  readonly address: LocalAddress
  /** A GET of this path returns 200 once the server can take requests. `/health` when absent. */
  readonly readyPath?: string | undefined
  /** Milliseconds without a request after which it is ended. */
  readonly idleTimeoutMs?: number | undefined
  /** Milliseconds that it may take to load its model. */
  readonly startTimeoutMs?: number | undefined
  /** Milliseconds between SIGTERM and SIGKILL. */
  readonly graceMs?: number | undefined
  /** Its environment, beside PATH, HOME and the like. No other variable of the broker is passed on, for some hold keys. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** A file that names the process, so that the next broker can end it after a crash; `<socket>.pid` when absent. */
  readonly recordPath?: string | undefined
  readonly clock: Clock
  readonly log?: ((event: ManagedServerEvent) => void) | undefined
}

export type ManagedServerEvent = { readonly name: string } & EventWithoutName

type EventWithoutName =
  | { readonly type: 'process-started'; readonly pid: number | undefined }
  | { readonly type: 'process-ready'; readonly pid: number | undefined; readonly afterMs: number }
  | { readonly type: 'process-ended'; readonly pid: number | undefined; readonly how: string }
  | { readonly type: 'line'; readonly stream: 'stdout' | 'stderr'; readonly line: string }

export interface ManagedServerState {
  readonly phase: 'stopped' | 'starting' | 'running' | 'stopping' | 'closed'
  readonly pid: number | undefined
  /** Requests under way. */
  readonly uses: number
  /** Consecutive failed starts and crashes; a run of a minute resets the count. */
  readonly crashes: number
  readonly lastFailure: string | undefined
}

export interface ManagedServer {
  readonly address: LocalAddress
  /**
   * Resolves when the server is ready, starting it if need be; concurrent callers share one start. Throws
   * `upstream-failed` when it dies or cools down after crashes, `upstream-timeout` when it isn't ready in time,
   * `stopping` after `close`, and the signal's reason when it aborts (which ends the wait, not the start).
   */
  ready(signal?: AbortSignal): Promise<void>
  /** Counts a request, before `ready`; the returned function ends it. Idle time counts from the end of the last request. */
  beginUse(): () => void
  state(): ManagedServerState
  /** Ends the server with all of its child processes, and resolves when none is left. */
  close(): Promise<void>
}

const POLL_MS = 50
const PROBE_MS = 1000
/** After a run of this length the count of failures starts anew. */
const STABLE_MS = 60_000

/** Creates the server without starting it; the first `ready` starts it. Throws `internal` for a port without a `recordPath`. */
export function createManagedServer(options: ManagedServerOptions): ManagedServer {
  const { readyPath = '/health', idleTimeoutMs = 300_000, startTimeoutMs = 60_000, graceMs = 5000 } = options
  const { log = () => {}, recordPath = recordPathFor(options.address, options.name) } = options
  return new SupervisedServer({
    ...options,
    readyPath,
    idleTimeoutMs,
    startTimeoutMs,
    graceMs,
    log,
    recordPath,
  })
}

/** The options with every default filled in. */
interface Settings extends ManagedServerOptions {
  readonly readyPath: string
  readonly idleTimeoutMs: number
  readonly startTimeoutMs: number
  readonly graceMs: number
  readonly recordPath: string
  readonly log: (event: ManagedServerEvent) => void
}

/**
 * stopped → starting → running → stopping → stopped; a failed start and a crash lead back to stopped, `close` leads
 * from every phase to closed, which is final.
 */
class SupervisedServer implements ManagedServer {
  readonly address: LocalAddress
  readonly #settings: Settings
  readonly #backoff: Backoff
  #phase: ManagedServerState['phase'] = 'stopped'
  /** The process of this run; `undefined` once nothing of it runs any more. */
  #process: ServerProcess | undefined
  /** The start under way, which all callers of `ready` share. It may begin while the previous run still stops. */
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  #cancelIdleTimer = () => {}
  #uses = 0
  #lastFailure: string | undefined

  constructor(settings: Settings) {
    this.address = settings.address
    this.#settings = settings
    this.#backoff = createBackoff(settings.clock)
  }

  async ready(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    this.#throwIfClosed()
    if (this.#phase === 'running' && this.#process?.hasEnded() === false) return
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined
    })
    await orAborted(this.#starting, signal)
  }

  beginUse(): () => void {
    let isInUse = true
    this.#uses += 1
    this.#cancelIdleTimer()
    return () => {
      if (!isInUse) return
      isInUse = false
      this.#uses -= 1
      this.#startIdleTimer()
    }
  }

  state(): ManagedServerState {
    return {
      phase: this.#phase,
      pid: this.#process?.pid,
      uses: this.#uses,
      crashes: this.#backoff.failures(),
      lastFailure: this.#lastFailure,
    }
  }

  async close(): Promise<void> {
    this.#phase = 'closed'
    this.#cancelIdleTimer()
    await this.#process?.stop()
    await this.#starting?.catch(() => {})
    await this.#stopping
  }

  async #start(): Promise<void> {
    await this.#stopping
    await this.#process?.ended
    this.#throwIfClosed()
    this.#throwIfCoolingDown()
    this.#phase = 'starting'
    const { clock } = this.#settings
    const since = clock.monotonic()
    try {
      const started = await this.#launch()
      await this.#untilReady(started, since + this.#settings.startTimeoutMs)
      this.#throwIfClosed()
      this.#phase = 'running'
      this.#log({ type: 'process-ready', pid: started.pid, afterMs: clock.monotonic() - since })
      void started.ended.then(() => this.#onCrash(clock.monotonic() - since))
      this.#startIdleTimer()
    } catch (thrown) {
      await this.#process?.stop()
      this.#throwIfClosed()
      this.#phase = 'stopped'
      this.#backoff.recordFailure()
      this.#lastFailure = asBrokerError(thrown).message
      throw thrown
    }
  }

  /** Ends what a killed broker left running at the same address, then starts a process of our own. */
  async #launch(): Promise<ServerProcess> {
    const { command, env, recordPath, graceMs, clock } = this.#settings
    await endOrphan(recordPath, graceMs, clock)
    await clearAddress(this.address)
    this.#throwIfClosed()
    const started = await startProcess({
      command: substituteAddress(command, this.address),
      env: scrubbedEnvironment(env),
      recordPath,
      graceMs,
      clock,
      onLine: (stream, line) => this.#log({ type: 'line', stream, line }),
    })
    const { pid } = started
    this.#process = started
    this.#log({ type: 'process-started', pid })
    void started.ended.then((how) => {
      this.#process = undefined
      if ('socketPath' in this.address) rmSync(this.address.socketPath, { force: true })
      this.#log({ type: 'process-ended', pid, how })
    })
    return started
  }

  async #untilReady(started: ServerProcess, deadline: number): Promise<void> {
    const { name, clock, readyPath, startTimeoutMs } = this.#settings
    while (!(await isReady(this.address, readyPath))) {
      this.#throwIfClosed()
      if (started.hasEnded()) throw endedEarly(name, await started.ended, started.lastLines())
      if (clock.monotonic() >= deadline)
        throw new BrokerError('upstream-timeout', `${name} was not ready within ${startTimeoutMs} ms`, {
          details: { provider: name, raw: started.lastLines() },
        })
      await Promise.race([started.ended, wait(clock, POLL_MS)])
    }
  }

  #onCrash(ranMs: number): void {
    if (this.#phase !== 'running') return
    this.#cancelIdleTimer()
    this.#phase = 'stopped'
    if (ranMs >= STABLE_MS) this.#backoff.reset()
    this.#backoff.recordFailure()
    this.#lastFailure = `${this.#settings.name} died while it was running`
  }

  #startIdleTimer(): void {
    this.#cancelIdleTimer()
    const { clock, idleTimeoutMs } = this.#settings
    if (this.#phase === 'running' && this.#uses === 0)
      this.#cancelIdleTimer = clock.after(idleTimeoutMs, () => this.#stopIdle())
  }

  #stopIdle(): void {
    this.#phase = 'stopping'
    this.#stopping = (this.#process?.stop() ?? Promise.resolve()).then(() => {
      if (this.#phase === 'stopping') this.#phase = 'stopped'
    })
  }

  #throwIfClosed(): void {
    if (this.#phase === 'closed')
      throw new BrokerError('stopping', `${this.#settings.name} is being shut down`)
  }

  #throwIfCoolingDown(): void {
    const { name } = this.#settings
    const cooldownMs = this.#backoff.cooldownMs()
    if (cooldownMs === 0) return
    const retryAfter = Math.ceil(cooldownMs / 1000)
    throw new BrokerError(
      'upstream-failed',
      `${name} failed ${this.#backoff.failures()} times in a row and is not started for another ${retryAfter} s`,
      { details: { provider: name, retryAfter, raw: this.#lastFailure } },
    )
  }

  #log(event: EventWithoutName): void {
    this.#settings.log({ name: this.#settings.name, ...event })
  }
}

function endedEarly(name: string, how: string, lines: string): BrokerError {
  const text = lines === '' ? `${name} ${how}` : `${name} ${how}:\n${lines}`
  return new BrokerError('upstream-failed', text, { details: { provider: name, raw: lines } })
}

async function isReady(address: LocalAddress, path: string): Promise<boolean> {
  try {
    return (await httpGet(address, path, AbortSignal.timeout(PROBE_MS))).status === 200
  } catch {
    return false
  }
}

async function orAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return work
  const aborted = Promise.withResolvers<void>()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function recordPathFor(address: LocalAddress, name: string): string {
  if ('socketPath' in address) return `${address.socketPath}.pid`
  throw new BrokerError('internal', `${name} listens on a port, so it needs a recordPath`)
}
