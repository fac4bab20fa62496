// A model server on this host that runs while it is needed: started by the first request, ended when idle.
import { rmSync } from 'node:fs'
import { type Clock, wait } from '../../base/clock.ts'
import { asBrokerError, BrokerError } from '../../base/errors.ts'
import { createBackOff } from '../../base/backoff.ts'
import { httpGet, type LocalAddress } from '../http-get.ts'
import { endLeftover } from './process-record.ts'
import { fillIn, scrubbedEnvironment } from './server-command.ts'
import { startProcess, type ServerProcess } from './server-process.ts'
import { clearAddress } from '../listen.ts'

export interface ManagedServerOptions {
  /** For messages and the log. */
  readonly name: string
  /** Program and arguments; no shell. `{socket}` and `{port}` stand for the address. */
  readonly command: readonly string[]
  readonly address: LocalAddress
  /** Where it says 200 once it can work. */
  readonly readyPath?: string | undefined
  /** How long nobody must use it before it is ended. */
  readonly idleTimeoutMs?: number | undefined
  /** How long it may take to load its model. */
  readonly startTimeoutMs?: number | undefined
  /** How long it may take to end before it is killed. */
  readonly graceMs?: number | undefined
  /** Its environment, beside PATH, HOME and the like. Nothing else of the broker's is passed on, for keys live there. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Where to remember the process for the time after a crash of the broker; `<socket>.pid` when absent. */
  readonly recordPath?: string | undefined
  readonly clock: Clock
  readonly log?: ((event: ManagedServerEvent) => void) | undefined
}

export type ManagedServerEvent = { readonly name: string } & (
  | { readonly type: 'process-started'; readonly pid: number | undefined }
  | { readonly type: 'process-ready'; readonly pid: number | undefined; readonly afterMs: number }
  | { readonly type: 'process-ended'; readonly pid: number | undefined; readonly how: string }
  | { readonly type: 'line'; readonly stream: 'stdout' | 'stderr'; readonly line: string }
)

export interface ManagedServerState {
  readonly phase: 'stopped' | 'starting' | 'running' | 'stopping' | 'closed'
  readonly pid: number | undefined
  /** Requests under way. */
  readonly uses: number
  /** Ends that nobody asked for, one soon after the other. */
  readonly crashes: number
  readonly lastFailure: string | undefined
}

export interface ManagedServer {
  readonly address: LocalAddress
  /**
   * Resolves when it answers, starting it if need be; all who wait share one start. Throws `upstream-failed` when it
   * dies or has to rest after crashes, `upstream-timeout` when it isn't ready in time, `stopping` after `close`, and
   * the signal's reason when the caller leaves (which ends the wait, not the start).
   */
  ready(signal?: AbortSignal): Promise<void>
  /** Marks a use, before `ready`; the returned function ends it. Idle time counts from the last one's end. */
  enter(): () => void
  state(): ManagedServerState
  /** Ends it, with all that it started, and resolves when nothing of it is left. */
  close(): Promise<void>
}

const POLL_MS = 50
const PROBE_MS = 1000
/** A server that ran for so long has not crashed at once: its next crash is its first again. */
const STABLE_MS = 60_000

/** Nothing is started before the first `ready`. */
export function createManagedServer(options: ManagedServerOptions): ManagedServer {
  const { name, address, clock, log = () => {} } = options
  const { readyPath = '/health', idleTimeoutMs = 300_000, startTimeoutMs = 60_000, graceMs = 5000 } = options
  const recordPath = options.recordPath ?? recordPathFor(address, name)

  let phase: ManagedServerState['phase'] = 'stopped'
  let current: ServerProcess | undefined
  let starting: Promise<void> | undefined
  let stopping: Promise<void> | undefined
  let cancelIdle = () => {}
  let uses = 0
  const backOff = createBackOff(clock)
  let lastFailure: string | undefined

  async function start(): Promise<void> {
    await stopping
    await current?.ended
    refuseClosed()
    refuseResting()
    phase = 'starting'
    const since = clock.monotonic()
    try {
      await endLeftover(recordPath, graceMs, clock)
      await clearAddress(address)
      refuseClosed()
      const started = await launch()
      await untilReady(started, since + startTimeoutMs)
      refuseClosed()
      phase = 'running'
      log({ name, type: 'process-ready', pid: started.pid, afterMs: clock.monotonic() - since })
      void started.ended.then(() => crashed(clock.monotonic() - since))
      watchIdle()
    } catch (thrown) {
      await current?.stop()
      refuseClosed()
      phase = 'stopped'
      backOff.fail()
      lastFailure = asBrokerError(thrown).message
      throw thrown
    }
  }

  async function launch(): Promise<ServerProcess> {
    const started = await startProcess({
      command: fillIn(options.command, address),
      env: scrubbedEnvironment(options.env),
      recordPath,
      graceMs,
      clock,
      onLine: (stream, line) => log({ name, type: 'line', stream, line }),
    })
    const { pid } = started
    current = started
    log({ name, type: 'process-started', pid })
    void started.ended.then((how) => {
      current = undefined
      if ('socketPath' in address) rmSync(address.socketPath, { force: true })
      log({ name, type: 'process-ended', pid, how })
    })
    return started
  }

  async function untilReady(started: ServerProcess, deadline: number): Promise<void> {
    while (!(await answers(address, readyPath))) {
      refuseClosed()
      if (started.hasEnded()) throw failure(`${name} ${await started.ended}`, started.lastLines())
      if (clock.monotonic() >= deadline)
        throw new BrokerError('upstream-timeout', `${name} was not ready within ${startTimeoutMs} ms`, {
          details: { provider: name, raw: started.lastLines() },
        })
      await Promise.race([started.ended, wait(clock, POLL_MS)])
    }
  }

  function crashed(ranMs: number): void {
    if (phase !== 'running') return
    cancelIdle()
    phase = 'stopped'
    if (ranMs >= STABLE_MS) backOff.forgive()
    backOff.fail()
    lastFailure = `${name} died while it was running`
  }

  function refuseResting(): void {
    const restMs = backOff.restMs()
    if (restMs === 0) return
    const retryAfter = Math.ceil(restMs / 1000)
    throw new BrokerError(
      'upstream-failed',
      `${name} rests for ${retryAfter} s after ${backOff.failures()} failures`,
      {
        details: { provider: name, retryAfter, raw: lastFailure },
      },
    )
  }

  function refuseClosed(): void {
    if (phase === 'closed') throw new BrokerError('stopping', `${name} is being shut down`)
  }

  function failure(message: string, lines: string): BrokerError {
    const text = lines === '' ? message : `${message}:\n${lines}`
    return new BrokerError('upstream-failed', text, { details: { provider: name, raw: lines } })
  }

  function watchIdle(): void {
    cancelIdle()
    if (phase === 'running' && uses === 0) cancelIdle = clock.after(idleTimeoutMs, stopIdle)
  }

  function stopIdle(): void {
    phase = 'stopping'
    stopping = (current?.stop() ?? Promise.resolve()).then(() => {
      if (phase === 'stopping') phase = 'stopped'
    })
  }

  return {
    address,
    async ready(signal) {
      signal?.throwIfAborted()
      refuseClosed()
      if (phase === 'running' && current?.hasEnded() === false) return
      starting ??= start().finally(() => {
        starting = undefined
      })
      await orAborted(starting, signal)
    },
    enter() {
      let inside = true
      uses += 1
      cancelIdle()
      return () => {
        if (!inside) return
        inside = false
        uses -= 1
        watchIdle()
      }
    },
    state: () => ({ phase, pid: current?.pid, uses, crashes: backOff.failures(), lastFailure }),
    async close() {
      phase = 'closed'
      cancelIdle()
      await current?.stop()
      await starting?.catch(() => {})
      await stopping
    },
  }
}

async function answers(address: LocalAddress, path: string): Promise<boolean> {
  try {
    return (await httpGet(address, path, AbortSignal.timeout(PROBE_MS))).status === 200
  } catch {
    return false
  }
}

async function orAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return work
  const left = Promise.withResolvers<void>()
  const leave = () => left.reject(signal.reason)
  signal.addEventListener('abort', leave, { once: true })
  try {
    await Promise.race([work, left.promise])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}

function recordPathFor(address: LocalAddress, name: string): string {
  if ('socketPath' in address) return `${address.socketPath}.pid`
  throw new BrokerError('internal', `${name} listens on a port, so it needs a recordPath`)
}
