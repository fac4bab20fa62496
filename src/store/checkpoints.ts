import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { CheckpointStep } from './checkpoint-worker.ts'
import type { WriteQueue } from './write-queue.ts'

/** A thousand pages, SQLite's own measure. */
const LOG_LIMIT_BYTES = 4 * 1024 * 1024

/**
 * Keeps the write-ahead log short. Measured inline on a fast disk, one checkpoint of 4 MB stopped the event loop for 8 ms
 * (p99 34 ms) and the first commit after it for another 0.4 ms (p99 11 ms); hence a thread. It copies while we write, and
 * because a log that is written without a break can never be restarted, the queue then rests for the last few pages.
 */
export class Checkpoints {
  readonly #path: string
  readonly #queue: WriteQueue
  #worker: Worker | undefined
  #running: Promise<void> | undefined
  /** Grows when a reader kept the log from being restarted, so that we don't try at every turn. */
  #nextAt = LOG_LIMIT_BYTES

  constructor(path: string, queue: WriteQueue) {
    this.#path = path
    this.#queue = queue
  }

  consider(logBytes: number): void {
    if (logBytes < LOG_LIMIT_BYTES) this.#nextAt = LOG_LIMIT_BYTES
    if (logBytes < this.#nextAt || this.#running !== undefined) return
    this.#nextAt = logBytes + LOG_LIMIT_BYTES
    this.#running = this.#checkpoint().finally(() => {
      this.#running = undefined
    })
  }

  async close(): Promise<void> {
    await this.#running
    await this.#worker?.terminate()
  }

  /** A failure (a full disk, say) leaves a longer log and nothing else; the next try comes with its growth. */
  async #checkpoint(): Promise<void> {
    try {
      await this.#ask('copy')
      this.#queue.pause()
      await this.#ask('restart')
    } catch {
      this.#worker = undefined
    } finally {
      this.#queue.resume()
    }
  }

  async #ask(step: CheckpointStep): Promise<void> {
    const worker = (this.#worker ??= startWorker(this.#path))
    // Only a step that somebody waits for keeps the process alive.
    worker.ref()
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    worker.postMessage(step)
    await once(worker, 'message')
    worker.unref()
  }
}

function startWorker(path: string): Worker {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new Worker(new URL(`./checkpoint-worker.${extension}`, import.meta.url), { workerData: path })
}
