import { Worker } from 'node:worker_threads'
import type { Clock } from '../base/clock.ts'
import type { CountJob, CountResult } from './token-worker.ts'

/** Counts tokens as the model's own tokenizer does, or nearly so. */
export interface TokenCounter {
  /** One count for each text; `undefined` when it took too long or failed. */
  count(model: string, texts: readonly string[]): Promise<readonly number[] | undefined>
  close(): Promise<void>
}

/** The tables of a tokenizer take 60 MB, so the thread goes when nobody needed it for so long. */
const IDLE_MS = 20_000
/** A count that takes longer isn't worth waiting for: bounds will do. */
const PATIENCE_MS = 5_000

/** Counts in a thread of its own, started when first needed: encoding a long answer would stop the event loop for too long. */
export function createTokenCounter(clock: Clock): TokenCounter {
  return new ThreadedCounter(clock)
}

class ThreadedCounter implements TokenCounter {
  readonly #clock: Clock
  readonly #waiting = new Map<number, (counts: readonly number[] | undefined) => void>()
  #worker: Worker | undefined
  #nextId = 0
  #cancelIdle: () => void = () => undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async count(model: string, texts: readonly string[]): Promise<readonly number[] | undefined> {
    const worker = (this.#worker ??= this.#start())
    const id = this.#nextId++
    this.#cancelIdle()
    const job: CountJob = { id, model, texts }
    return new Promise((resolve) => {
      const cancel = this.#clock.after(PATIENCE_MS, () => this.#answer(id, undefined))
      this.#waiting.set(id, (counts) => {
        cancel()
        resolve(counts)
      })
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      worker.postMessage(job)
    })
  }

  async close(): Promise<void> {
    this.#cancelIdle()
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
    for (const id of this.#waiting.keys()) this.#answer(id, undefined)
  }

  #start(): Worker {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./token-worker.${extension}`, import.meta.url))
    worker.unref()
    worker.on('message', ({ id, counts }: CountResult) => this.#answer(id, counts))
    worker.on('error', () => void this.close())
    return worker
  }

  #answer(id: number, counts: readonly number[] | undefined): void {
    this.#waiting.get(id)?.(counts)
    this.#waiting.delete(id)
    if (this.#waiting.size === 0) this.#cancelIdle = this.#clock.after(IDLE_MS, () => void this.close())
  }
}
