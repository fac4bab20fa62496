import { open, type FileHandle } from 'node:fs/promises'
import type { Clock } from '../base/clock.ts'

/**
 * Half of the 50 ms of writes that a power cut may cost, so that the sync itself has the other half. Both count from the end
 * of the turn of the event loop that wrote.
 */
const SYNC_EVERY_MS = 25

/**
 * Syncs the write-ahead log to the disk soon after it was written, off the event loop. It opens only the `-wal` file: closing
 * any descriptor of the database itself would drop SQLite's locks on it (POSIX locks belong to the process).
 */
export class LogSync {
  readonly #path: string
  readonly #clock: Clock
  readonly #isNeeded: boolean
  readonly #onLogSize: (bytes: number) => void
  #file: Promise<FileHandle> | undefined
  #isDirty = false
  #isClosed = false
  #cancel: (() => void) | undefined
  #running: Promise<void> | undefined

  constructor(options: {
    path: string
    clock: Clock
    /** False when every commit syncs by itself; then only the size is read. */
    isNeeded: boolean
    /** Called after each sync with the size of the log. */
    onLogSize: (bytes: number) => void
  }) {
    this.#path = options.path
    this.#clock = options.clock
    this.#isNeeded = options.isNeeded
    this.#onLogSize = options.onLogSize
  }

  /** To be called after a commit: plans a sync. */
  soon(): void {
    this.#isDirty = true
    this.#plan()
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
    await this.#running
    const file = await this.#file?.catch(() => undefined)
    await file?.close()
  }

  #plan(): void {
    if (!this.#isDirty || this.#isClosed || this.#cancel !== undefined || this.#running !== undefined) return
    this.#cancel = this.#clock.after(SYNC_EVERY_MS, () => {
      this.#cancel = undefined
      // A broken disk: no caller waits for this sync, so all that can be done is to try again.
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
