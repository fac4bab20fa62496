import { backoffMs } from '../../base/backoff.ts'
import { wait, type Clock } from '../../base/clock.ts'
import type { ServiceStatus } from '../service-manager.ts'
import type { DaemonProcess } from './daemon-process.ts'

/** The first restart comes soon enough that a killed daemon is back within two seconds. */
const RESTART_PAUSE = { firstMs: 250, maxMs: 30_000 }
/** A daemon that ran this long was healthy; its end counts as the first failure. */
const HEALTHY_MS = 60_000

export interface SupervisorOptions {
  readonly clock: Clock
  readonly start: () => DaemonProcess
  /** Writes one sentence to the log of the service. */
  readonly report: (sentence: string) => void
}

/** Keeps one daemon running: starts it again whenever it ends, after a pause that doubles with each failure in a row. */
export class Supervisor {
  readonly #options: SupervisorOptions
  #wanted: 'running' | 'restarted' | 'stopped' = 'running'
  #daemon: DaemonProcess | undefined
  /** Ends the present pause. */
  #wake: () => void = () => {}
  #restarts = 0
  #failures = 0
  #lastExit: string | undefined

  constructor(options: SupervisorOptions) {
    this.#options = options
  }

  status(): ServiceStatus {
    const state = this.#daemon !== undefined ? 'running' : this.#wanted === 'stopped' ? 'stopped' : 'waiting'
    return { state, pid: this.#daemon?.pid, restarts: this.#restarts, lastExit: this.#lastExit }
  }

  /** Runs the daemon until `stop` is called and the daemon has ended. */
  async run(): Promise<void> {
    while (this.#wanted !== 'stopped') {
      this.#wanted = 'running'
      await this.#runDaemon()
      if (this.#wanted === 'running') await this.#pause()
    }
  }

  /** Ends the daemon; `run` resolves afterwards. */
  stop(): void {
    this.#end('stopped')
  }

  /** Ends the daemon and starts it again without a pause. */
  restart(): void {
    if (this.#wanted !== 'stopped') this.#end('restarted')
  }

  #end(wanted: 'restarted' | 'stopped'): void {
    this.#wanted = wanted
    this.#daemon?.stop()
    this.#wake()
  }

  async #runDaemon(): Promise<void> {
    const { clock, start } = this.#options
    const startedAt = clock.monotonic()
    this.#daemon = start()
    this.#lastExit = await this.#daemon.ended
    this.#daemon = undefined
    if (clock.monotonic() - startedAt >= HEALTHY_MS) this.#failures = 0
  }

  async #pause(): Promise<void> {
    this.#failures++
    this.#restarts++
    const ms = backoffMs(RESTART_PAUSE, this.#failures)
    this.#options.report(`the daemon ended (${this.#lastExit}); it is started again in ${ms} ms`)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    await Promise.race([wait(this.#options.clock, ms), promise])
  }
}
