import { closeSync, constants, openSync } from 'node:fs'
import { isatty } from 'node:tty'

/** What a program does on signals once it serves. */
export interface SignalActions {
  /** SIGHUP: read the configuration again and open log files again. Must not reject. */
  reload(): Promise<void>
  /** The first SIGINT or SIGTERM, or the terminal was closed: let open requests finish, then exit. */
  drain(signal: NodeJS.Signals): void
  /** SIGQUIT, also during a drain: end open requests with an error, record them, then exit. */
  quit(signal: NodeJS.Signals): void
}

const INTERRUPTED = 130
const SAME_REQUEST_MS = 300

/**
 * Handles the signals of a program from now on; those that arrive before `serve` are acted on then. SIGUSR1, with which
 * Node would open its inspector to every user of this machine, and SIGUSR2 do nothing.
 */
export class ProgramSignals {
  readonly #hadTerminal = isatty(0)
  readonly #hadLauncher = process.connected
  readonly #early: (() => void)[] = []
  #actions: SignalActions | undefined
  #stop: 'none' | 'drain' | 'quit' = 'none'
  #stoppedAt = 0
  #isLauncherGone = false
  #reload: 'none' | 'running' | 'again' = 'none'

  constructor() {
    ignoreUserSignals()
    process.on('SIGHUP', () => (this.#isTerminalGone() ? this.#onDrain('SIGHUP') : this.#onReload()))
    process.on('SIGINT', () => this.#onDrain('SIGINT'))
    process.on('SIGTERM', () => this.#onDrain('SIGTERM'))
    process.on('SIGQUIT', () => this.#onQuit())
  }

  serve(actions: SignalActions): void {
    this.#actions = actions
    for (const act of this.#early.splice(0)) act()
  }

  #onDrain(signal: NodeJS.Signals): void {
    if (this.#stop !== 'none') {
      if (!this.#isSameRequest(signal)) process.exit(INTERRUPTED)
      return
    }
    this.#stop = 'drain'
    this.#stoppedAt = performance.now()
    this.#act((actions) => actions.drain(signal))
  }

  /**
   * Whether the signal repeats the first one: a closed terminal sends SIGHUP more than once, a service manager signals the
   * launcher, which forwards it, and the program, and a program whose launcher ends gets SIGTERM.
   */
  #isSameRequest(signal: NodeJS.Signals): boolean {
    if (signal === 'SIGHUP' || performance.now() - this.#stoppedAt < SAME_REQUEST_MS) return true
    const isFromLauncher =
      signal === 'SIGTERM' && this.#hadLauncher && !process.connected && !this.#isLauncherGone
    this.#isLauncherGone ||= isFromLauncher
    return isFromLauncher
  }

  #onQuit(): void {
    if (this.#stop === 'quit') return
    this.#stop = 'quit'
    this.#act((actions) => actions.quit('SIGQUIT'))
  }

  /** Several signals during a reload cause one more. */
  #onReload(): void {
    if (this.#stop !== 'none') return
    if (this.#reload !== 'none') this.#reload = 'again'
    else this.#act((actions) => void this.#reloadUntilDone(actions))
  }

  async #reloadUntilDone(actions: SignalActions): Promise<void> {
    do {
      this.#reload = 'running'
      await actions.reload()
    } while ((this.#reload as string) === 'again')
    this.#reload = 'none'
  }

  #act(act: (actions: SignalActions) => void): void {
    const actions = this.#actions
    if (actions === undefined) this.#early.push(() => this.#act(act))
    else act(actions)
  }

  #isTerminalGone(): boolean {
    return this.#hadTerminal && !hasTerminal()
  }
}

/** For processes that another one stops: a terminal or a service manager signals all of them. */
export function ignoreSignals(): void {
  ignoreUserSignals()
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGQUIT'] as const)
    process.on(signal, () => undefined)
}

function ignoreUserSignals(): void {
  for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => undefined)
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', constants.O_RDONLY | constants.O_NOCTTY | constants.O_NONBLOCK))
    return true
  } catch {
    return false
  }
}
