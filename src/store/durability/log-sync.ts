import { open, type FileHandle } from 'node:fs/promises'
import type { Worker } from 'node:worker_threads'
import type { Clock } from '../../base/clock.ts'
import { startThread } from '../../base/host/start-thread.ts'
import { CLOSED, LOG_BYTES, STATE_BYTES, SYNCED, WRITTEN } from './log-sync-state.ts'
import type { LogSyncWorkerData } from './log-sync-worker.ts'

/** Less than 50 ms, because a turn of the event loop may pass before the next check. */
const LATE_AFTER_MS = 40
const NOTE_EVERY_MS = 4
const MAX_NOTES = 64

/** How often the size of the log is read where every commit syncs by itself. */
const READ_SIZE_EVERY_MS = 25

/**
 * Syncs the write-ahead log to the disk soon after it was written, in a thread of its own (see log-sync-worker.ts). It opens
 * only the `-wal` file: closing any descriptor of the database itself would drop SQLite's locks on it (POSIX locks belong to
 * the process).
 */
export class LogSync {
  readonly #path: string
  readonly #clock: Clock
  readonly #isNeeded: boolean
  readonly #onLogSize: (bytes: number) => void
  readonly #state = new Int32Array(new SharedArrayBuffer(STATE_BYTES))
  readonly #worker: Worker | undefined
  /** Commits that may not be on the disk yet, each with those that came shortly after it. */
  readonly #commits: { number: number; readonly atMs: number }[] = []
  #file: Promise<FileHandle> | undefined
  #logBytes = 0
  #isDirty = false
  #isClosed = false
  #cancel: (() => void) | undefined
  #running: Promise<void> | undefined

  constructor(options: {
    path: string
    clock: Clock
    /** False when every commit syncs by itself; then only the size is read. */
    isNeeded: boolean
    /** Called with the size of the log after a sync, at the latest with the first commit that follows it. */
    onLogSize: (bytes: number) => void
  }) {
    this.#path = options.path
    this.#clock = options.clock
    this.#isNeeded = options.isNeeded
    this.#onLogSize = options.onLogSize
    // Started now, for a thread takes longer to start than a sync may take.
    if (options.isNeeded) this.#worker = this.#startWorker()
  }

  /** True when everything that `soon` was called for is on the disk. */
  get isSynced(): boolean {
    return Atomics.load(this.#state, SYNCED) === Atomics.load(this.#state, WRITTEN)
  }

  /**
   * True when a commit has waited for its sync for so long that no more may be acknowledged before it: a disk that is slow, or
   * that stalls, then delays writes instead of putting more of them at risk.
   */
  get isLate(): boolean {
    return (
      this.#worker !== undefined &&
      !this.isSynced &&
      performance.now() - this.#unsyncedSince() > LATE_AFTER_MS
    )
  }

  /** The thread notes what it has synced, and commits are noted in their order; both by their number. */
  #unsyncedSince(): number {
    const synced = Atomics.load(this.#state, SYNCED)
    let first = this.#commits[0]
    // The numbers wrap around after 2³² commits, so only their difference counts.
    while (first !== undefined && ((synced - first.number) | 0) >= 0) {
      this.#commits.shift()
      first = this.#commits[0]
    }
    return first?.atMs ?? performance.now()
  }

  /** To be called after a commit: plans a sync. */
  soon(): void {
    if (this.#worker === undefined) {
      this.#isDirty = true
      return this.#plan()
    }
    const number = (Atomics.add(this.#state, WRITTEN, 1) + 1) | 0
    this.#note(number)
    Atomics.notify(this.#state, WRITTEN)
    this.#readLogSize()
    return undefined
  }

  /** Resolves when everything committed so far is on the disk. */
  async now(): Promise<void> {
    await this.#running
    this.#cancel?.()
    this.#cancel = undefined
    await this.#start()
  }

  /** Does not sync: closing the database afterwards syncs what is left. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancel?.()
    Atomics.store(this.#state, CLOSED, 1)
    Atomics.add(this.#state, WRITTEN, 1)
    for (const place of [CLOSED, WRITTEN]) Atomics.notify(this.#state, place)
    await this.#worker?.terminate()
    await this.#running
    const file = await this.#file?.catch(() => undefined)
    await file?.close()
  }

  /** One note per few milliseconds: there may be thousands of commits per second. */
  #note(number: number): void {
    const atMs = performance.now()
    const last = this.#commits.at(-1)
    if (last !== undefined && atMs - last.atMs < NOTE_EVERY_MS) last.number = number
    else if (this.#commits.length < MAX_NOTES) this.#commits.push({ number, atMs })
    this.#unsyncedSince()
  }

  /** The thread leaves the size in the shared memory: a message after each sync would wake the event loop fifty times a second. */
  #readLogSize(): void {
    const bytes = Atomics.load(this.#state, LOG_BYTES)
    if (bytes === this.#logBytes) return
    this.#logBytes = bytes
    this.#onLogSize(bytes)
  }

  #startWorker(): Worker {
    const workerData: LogSyncWorkerData = { path: this.#path, state: this.#state.buffer }
    const worker = startThread('./log-sync-worker', import.meta.url, { workerData })
    worker.unref()
    return worker
  }

  #plan(): void {
    if (!this.#isDirty || this.#isClosed || this.#cancel !== undefined || this.#running !== undefined) return
    this.#cancel = this.#clock.after(READ_SIZE_EVERY_MS, () => {
      this.#cancel = undefined
      this.#start().catch(() => {
        this.#isDirty = true
      })
    })
  }

  #start(): Promise<void> {
    this.#isDirty = false
    const run = this.#sync()
    this.#running = run
      .catch(() => undefined)
      .finally(() => {
        this.#running = undefined
        this.#plan()
      })
    return run
  }

  async #sync(): Promise<void> {
    const file = await (this.#file ??= this.#open())
    if (this.#isNeeded) await file.datasync()
    this.#onLogSize((await file.stat()).size)
  }

  /** A failure (too many open files, for example) must not be cached in place of the file. */
  async #open(): Promise<FileHandle> {
    try {
      return await open(this.#path, 'r+')
    } catch (error) {
      this.#file = undefined
      throw error
    }
  }
}
