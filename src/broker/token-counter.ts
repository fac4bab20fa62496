import { fork, type ChildProcess, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../base/clock.ts'
import type { CountJob, CountResult } from './token-process.ts'

/** Counts tokens as the model's own tokenizer does, or nearly so. */
export interface TokenCounter {
  /** One count for each text; `undefined` when it took too long or failed. */
  count(model: string, texts: readonly string[]): Promise<readonly number[] | undefined>
  close(): Promise<void>
}

/** The tables of a tokenizer take 60 MB, so the process goes when nobody needed it for so long. */
const IDLE_MS = 20_000
/** A count that takes longer isn't worth waiting for: bounds will do. */
const PATIENCE_MS = 5_000

/**
 * Counts in a process of its own, started when first needed. On the event loop, encoding a long answer would stop it for too
 * long; and of a thread that has ended 33 MB stayed with us, of a process nothing does.
 */
export function createTokenCounter(clock: Clock): TokenCounter {
  return new ProcessCounter(clock)
}

const QUIET: StdioOptions = ['ignore', 'ignore', 'inherit', 'ipc']

class ProcessCounter implements TokenCounter {
  readonly #clock: Clock
  readonly #waiting = new Map<number, (counts: readonly number[] | undefined) => void>()
  #child: ChildProcess | undefined
  #nextId = 0
  #cancelIdle: () => void = () => undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async count(model: string, texts: readonly string[]): Promise<readonly number[] | undefined> {
    const id = this.#nextId++
    this.#cancelIdle()
    return new Promise((resolve) => {
      const cancel = this.#clock.after(PATIENCE_MS, () => this.#answer(id, undefined))
      this.#waiting.set(id, (counts) => {
        cancel()
        resolve(counts)
      })
      this.#send({ id, model, texts })
    })
  }

  #send(job: CountJob): void {
    try {
      this.#child ??= this.#start()
      this.#child.send(job)
    } catch {
      // The system has no room for another process.
      this.#answer(job.id, undefined)
    }
  }

  async close(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#forget(child)
    child.kill()
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }

  /** Whoever waits for it has bounds to do with; the next count starts another one. */
  #forget(child: ChildProcess): void {
    if (this.#child !== child) return
    this.#child = undefined
    this.#cancelIdle()
    for (const answer of this.#waiting.values()) answer(undefined)
    this.#waiting.clear()
  }

  #start(): ChildProcess {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const path = fileURLToPath(new URL(`./token-process.${extension}`, import.meta.url))
    // It needs none of our keys.
    const child = fork(path, { env: {}, execArgv: [], serialization: 'advanced', stdio: QUIET })
    child.unref()
    child.channel?.unref()
    child.on('message', ({ id, counts }: CountResult) => this.#answer(id, counts))
    child.on('error', () => this.#forget(child))
    child.on('exit', () => this.#forget(child))
    return child
  }

  #answer(id: number, counts: readonly number[] | undefined): void {
    this.#waiting.get(id)?.(counts)
    this.#waiting.delete(id)
    if (this.#waiting.size === 0) this.#cancelIdle = this.#clock.after(IDLE_MS, () => void this.close())
  }
}
