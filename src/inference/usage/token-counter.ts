import { fork, type ChildProcess, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../../base/clock.ts'
import { isCountable, totalLength } from './countable-text.ts'
import type { CountJob, CountResult } from './token-counter-process.ts'

/** Counts tokens with the model's own tokenizer, or one that is close to it. */
export interface TokenCounter {
  /** One count for each text; `undefined` when it took too long, would take too long, or failed. */
  count(model: string, texts: readonly string[]): Promise<readonly number[] | undefined>
  close(): Promise<void>
}

/** The tables of a tokenizer take 60 MB, so the process ends after so long without a count. */
const IDLE_MS = 20_000
/** A count that takes longer is given up, because bounds will do instead; the process that is busy with it is killed. */
const TIMEOUT_MS = 5_000
/** Waiting texts are in memory, so their number and their total length are bounded. */
const MAX_WAITING = 1_000
const MAX_WAITING_CHARACTERS = 4_000_000

/**
 * Counts in a process of its own, which is started when first needed. On the event loop, encoding a long response would block
 * it for too long; and a thread that had ended still occupied 33 MB, while a process that has ended occupies nothing.
 */
export function createTokenCounter(clock: Clock): TokenCounter {
  return new ProcessCounter(clock)
}

type OnCounts = (counts: readonly number[] | undefined) => void

const QUIET: StdioOptions = ['ignore', 'ignore', 'inherit', 'ipc']

/** A count that waits for the process. */
interface QueuedCount {
  readonly job: CountJob
  readonly characters: number
  readonly onResult: OnCounts
}

/** The count that the process is busy with; its caller may have given up on it. */
interface ActiveCount {
  readonly onResult: OnCounts
  readonly cancelTimeout: () => void
}

class ProcessCounter implements TokenCounter {
  readonly #clock: Clock
  readonly #waiting = new Set<QueuedCount>()
  #running: ActiveCount | undefined
  #child: ChildProcess | undefined
  #cancelIdle: () => void = () => undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async count(model: string, texts: readonly string[]): Promise<readonly number[] | undefined> {
    const characters = totalLength(texts)
    if (!isCountable(texts) || !this.#canQueue(characters)) return undefined
    return new Promise((resolve) => {
      const cancel = this.#clock.after(TIMEOUT_MS, () => {
        this.#waiting.delete(waiting)
        resolve(undefined)
      })
      const onResult: OnCounts = (counts) => {
        cancel()
        resolve(counts)
      }
      const waiting: QueuedCount = { job: { model, texts }, characters, onResult }
      this.#waiting.add(waiting)
      this.#next()
    })
  }

  #canQueue(characters: number): boolean {
    if (this.#waiting.size >= MAX_WAITING) return false
    for (const { characters: others } of this.#waiting) characters += others
    return characters <= MAX_WAITING_CHARACTERS
  }

  #next(): void {
    if (this.#running !== undefined) return
    const [first] = this.#waiting
    if (first === undefined) return
    this.#waiting.delete(first)
    this.#run(first)
  }

  #run({ job, onResult }: QueuedCount): void {
    this.#cancelIdle()
    const cancelTimeout = this.#clock.after(TIMEOUT_MS, () => this.#replace())
    this.#running = { onResult, cancelTimeout }
    try {
      this.#child ??= this.#start()
      this.#child.send(job)
    } catch {
      // The system cannot start another process.
      this.#dropAll()
    }
  }

  #finish(counts: readonly number[] | undefined): void {
    const running = this.#running
    this.#running = undefined
    running?.cancelTimeout()
    running?.onResult(counts)
  }

  /** The process hangs: it is killed, and another one counts what waits. */
  #replace(): void {
    this.#child?.kill('SIGKILL')
    this.#child = undefined
    this.#finish(undefined)
    this.#next()
  }

  async close(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#onProcessEnd(child)
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }

  /** The process is gone: all waiting counts get `undefined`, and the next count starts another process. */
  #onProcessEnd(child: ChildProcess): void {
    if (this.#child !== child) return
    this.#child = undefined
    this.#cancelIdle()
    this.#dropAll()
  }

  /** Gives up all waiting counts: if processes cannot live here, one would be started for each of them in vain. */
  #dropAll(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    this.#finish(undefined)
    for (const { onResult } of waiting) onResult(undefined)
  }

  #start(): ChildProcess {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const path = fileURLToPath(new URL(`./token-counter-process.${extension}`, import.meta.url))
    // An empty environment: the process needs none of the broker's keys.
    const child = fork(path, { env: {}, execArgv: [], serialization: 'advanced', stdio: QUIET })
    child.unref()
    child.channel?.unref()
    child.on('message', ({ counts }: CountResult) => this.#onCounts(child, counts))
    child.on('error', () => this.#onProcessEnd(child))
    child.on('exit', () => this.#onProcessEnd(child))
    return child
  }

  #onCounts(child: ChildProcess, counts: readonly number[] | undefined): void {
    if (this.#child !== child) return
    this.#finish(counts)
    this.#next()
    if (this.#running === undefined) this.#cancelIdle = this.#clock.after(IDLE_MS, () => void this.close())
  }
}
