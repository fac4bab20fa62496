import type { Clock } from '../../base/clock.ts'
import { openTarget, reopenFile, type OutputTarget } from './output-target.ts'

/** Text that waits to be written, in bytes. What comes beyond it is lost and counted. */
const MAX_PENDING_BYTES = 1024 * 1024
const MAX_WRITE_BYTES = 64 * 1024
/** Interval of retries while the file system is full or the reader of a pipe does not read. */
const RETRY_MS = 100
const REOPEN_MS = 1000

export interface OutputWriterOptions {
  /** 1 is standard output, 2 standard error. */
  readonly fd: number
  readonly clock: Clock
  /** Called when everything is written again after some was lost, with the number of lost `write` calls. */
  readonly onRecovered?: ((lost: number) => void) | undefined
}

/** Why text waits, and how much is lost. */
export interface OutputProblem {
  /** The code of the error, `ENOSPC` for example. */
  readonly code: string
  readonly lost: number
}

/**
 * Writes text to an output of this process without ever blocking or throwing: what can't be written now waits in a bounded
 * buffer, and what does not fit into it is counted. Node's own streams block on files and terminals, and throw when the file
 * system is full.
 */
export class OutputWriter {
  readonly #options: OutputWriterOptions
  readonly #onIdle: (() => void)[] = []
  #target: OutputTarget | undefined
  #pending: Buffer[] = []
  #pendingBytes = 0
  #lost = 0
  #errorCode: string | undefined
  #state: 'idle' | 'writing' | 'waiting' = 'idle'
  #isInLoop = false

  constructor(options: OutputWriterOptions) {
    this.#options = options
  }

  /** Absent while everything can be written. */
  problem(): OutputProblem | undefined {
    return this.#errorCode === undefined ? undefined : { code: this.#errorCode, lost: this.#lost }
  }

  write(text: string): void {
    const length = Buffer.byteLength(text)
    if (this.#pendingBytes + length > MAX_PENDING_BYTES) {
      this.#lost++
      return
    }
    this.#pending.push(Buffer.from(text))
    this.#pendingBytes += length
    this.#writeLoop()
  }

  /** Resolves when everything is written, or after `ms`. */
  flush(ms: number): Promise<void> {
    if (this.#pendingBytes === 0) return Promise.resolve()
    return new Promise((resolve) => {
      // Not a timer of the clock, which does not keep the process alive.
      const timer = setTimeout(resolve, ms)
      this.#onIdle.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  /**
   * Opens a log file again by its path: once it was renamed, lines go to a new file. Other outputs stay as they are. Resolves
   * when it is open or can't be opened, or after a second, when its disk hangs.
   */
  reopen(): Promise<void> {
    const { file } = this.#opened()
    if (file === undefined) return Promise.resolve()
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(REOPEN_MS, resolve)
      reopenFile(file, (target) => {
        cancel()
        if (target !== undefined) this.#replaceTarget(target)
        resolve()
      })
    })
  }

  #replaceTarget(target: OutputTarget): void {
    const before = this.#target
    this.#target = target
    before?.close()
  }

  #opened(): OutputTarget {
    if (this.#target === undefined) {
      this.#target = openTarget(this.#options.fd)
      process.once('exit', () => this.#writeLast())
    }
    return this.#target
  }

  #writeLoop(): void {
    // A target that writes at once calls `#onWritten` inside the loop.
    if (this.#isInLoop) return
    this.#isInLoop = true
    while (this.#state === 'idle' && this.#pendingBytes > 0) {
      this.#state = 'writing'
      this.#opened().write(this.#nextBytes(), (error, written) => this.#onWritten(error, written))
    }
    this.#isInLoop = false
    if (this.#state === 'idle') this.#onEverythingWritten()
  }

  #onWritten(error: NodeJS.ErrnoException | undefined, written: number): void {
    this.#remove(written)
    this.#state = 'idle'
    if (error !== undefined) this.#waitAfter(error)
    this.#writeLoop()
  }

  #waitAfter({ code, message }: NodeJS.ErrnoException): void {
    this.#state = 'waiting'
    this.#errorCode = code ?? message
    this.#options.clock.after(RETRY_MS, () => {
      this.#state = 'idle'
      this.#writeLoop()
    })
  }

  #onEverythingWritten(): void {
    this.#errorCode = undefined
    for (const resolve of this.#onIdle.splice(0)) resolve()
    if (this.#lost === 0) return
    const lost = this.#lost
    this.#lost = 0
    this.#options.onRecovered?.(lost)
  }

  #nextBytes(): Buffer {
    const [first = Buffer.alloc(0)] = this.#pending
    if (this.#pending.length === 1 || first.length >= MAX_WRITE_BYTES) return first
    const batch: Buffer[] = []
    let length = 0
    for (const bytes of this.#pending) {
      if (length + bytes.length > MAX_WRITE_BYTES) break
      batch.push(bytes)
      length += bytes.length
    }
    return batch.length === 0 ? first : Buffer.concat(batch)
  }

  #remove(written: number): void {
    this.#pendingBytes -= written
    let count = 0
    let left = written
    for (const bytes of this.#pending) {
      if (bytes.length > left) break
      left -= bytes.length
      count++
    }
    this.#pending.splice(0, count)
    const [first] = this.#pending
    if (left > 0 && first !== undefined) this.#pending[0] = first.subarray(left)
  }

  /** The process exits: one more attempt, unless an earlier write has not returned. */
  #writeLast(): void {
    if (this.#state === 'writing' || this.#pendingBytes === 0) return
    this.#target?.writeLast(Buffer.concat(this.#pending))
  }
}
