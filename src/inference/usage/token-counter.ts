import { fork, type ChildProcess, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../../base/clock.ts'
import { isCountable, lettersOf } from './countable-text.ts'
import type { CountJob, CountResult } from './token-counter-process.ts'

/** Counts tokens as the model's own tokenizer does, or nearly so. */
export interface TokenCounter {
  /** One count for each text; `undefined` when it took too long, would take too long, or failed. */
  count(model: string, texts: readonly string[]): Promise<readonly number[] | undefined>
  close(): Promise<void>
}

/** The tables of a tokenizer take 60 MB, so the process goes when nobody needed it for so long. */
const IDLE_MS = 20_000
/** A count that takes longer isn't worth waiting for: bounds will do. Who counts for so long is ended. */
const PATIENCE_MS = 5_000
/** Texts that wait are in our memory: so many at most, and so many letters of them. */
const MOST_WAITING = 1_000
const MOST_LETTERS_WAITING = 4_000_000

/**
 * Counts in a process of its own, started when first needed. On the event loop, encoding a long answer would stop it for too
 * long; and of a thread that has ended 33 MB stayed with us, of a process nothing does.
 */
export function createTokenCounter(clock: Clock): TokenCounter {
  return new ProcessCounter(clock)
}

const QUIET: StdioOptions = ['ignore', 'ignore', 'inherit', 'ipc']

interface Waiting {
  readonly job: CountJob
  readonly letters: number
  readonly answer: (counts: readonly number[] | undefined) => void
}

/** The one that the process is at; its caller may have gone. */
interface Running {
  readonly answer: Waiting['answer']
  readonly cancelPatience: () => void
}

class ProcessCounter implements TokenCounter {
  readonly #clock: Clock
  readonly #waiting = new Set<Waiting>()
  #running: Running | undefined
  #child: ChildProcess | undefined
  #cancelIdle: () => void = () => undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async count(model: string, texts: readonly string[]): Promise<readonly number[] | undefined> {
    const letters = lettersOf(texts)
    if (!isCountable(texts) || !this.#hasRoomFor(letters)) return undefined
    return new Promise((resolve) => {
      const cancel = this.#clock.after(PATIENCE_MS, () => {
        this.#waiting.delete(waiting)
        resolve(undefined)
      })
      const answer: Waiting['answer'] = (counts) => {
        cancel()
        resolve(counts)
      }
      const waiting: Waiting = { job: { model, texts }, letters, answer }
      this.#waiting.add(waiting)
      this.#next()
    })
  }

  #hasRoomFor(letters: number): boolean {
    if (this.#waiting.size >= MOST_WAITING) return false
    for (const { letters: others } of this.#waiting) letters += others
    return letters <= MOST_LETTERS_WAITING
  }

  #next(): void {
    if (this.#running !== undefined) return
    const [first] = this.#waiting
    if (first === undefined) return
    this.#waiting.delete(first)
    this.#run(first)
  }

  #run({ job, answer }: Waiting): void {
    this.#cancelIdle()
    const cancelPatience = this.#clock.after(PATIENCE_MS, () => this.#replace())
    this.#running = { answer, cancelPatience }
    try {
      this.#child ??= this.#start()
      this.#child.send(job)
    } catch {
      // The system has no room for another process.
      this.#dropAll()
    }
  }

  #finish(counts: readonly number[] | undefined): void {
    const running = this.#running
    this.#running = undefined
    running?.cancelPatience()
    running?.answer(counts)
  }

  /** It hangs: who waits is counted by another one. */
  #replace(): void {
    this.#child?.kill('SIGKILL')
    this.#child = undefined
    this.#finish(undefined)
    this.#next()
  }

  async close(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#forget(child)
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }

  /** Whoever waits for it has bounds to do with; the next count starts another one. */
  #forget(child: ChildProcess): void {
    if (this.#child !== child) return
    this.#child = undefined
    this.#cancelIdle()
    this.#dropAll()
  }

  /** Not counted by another process: one that can't live would be started for each of them. */
  #dropAll(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    this.#finish(undefined)
    for (const { answer } of waiting) answer(undefined)
  }

  #start(): ChildProcess {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const path = fileURLToPath(new URL(`./token-counter-process.${extension}`, import.meta.url))
    // It needs none of our keys.
    const child = fork(path, { env: {}, execArgv: [], serialization: 'advanced', stdio: QUIET })
    child.unref()
    child.channel?.unref()
    child.on('message', ({ counts }: CountResult) => this.#heard(child, counts))
    child.on('error', () => this.#forget(child))
    child.on('exit', () => this.#forget(child))
    return child
  }

  #heard(child: ChildProcess, counts: readonly number[] | undefined): void {
    if (this.#child !== child) return
    this.#finish(counts)
    this.#next()
    if (this.#running === undefined) this.#cancelIdle = this.#clock.after(IDLE_MS, () => void this.close())
  }
}
