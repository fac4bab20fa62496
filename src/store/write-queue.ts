import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../base/clock.ts'
import { BrokerError } from '../base/errors.ts'
import { prepare } from './sql.ts'
import { adviceFor, isBusy, isStorageError, slowDisk } from './sqlite-errors.ts'

/** In larger transactions the last jobs wait too long: 64 had the best p99. */
const MAX_JOBS_PER_TRANSACTION = 64
/**
 * Jobs that no request waits for (`waitsForSpace`) are gathered for a moment, or until they fill a transaction: many rows
 * then share the pages that are written for them, and the transactions that a request waits for stay small. The moment is
 * longer while there are many such jobs.
 */
const GATHER_MS = 2
const BUSY_GATHER_MS = 10
const BUSY_JOBS = 8
const BUSY_RETRY_MS = 10
/** How long a job waits while another program holds the write lock. Each job has all of it, however long the lock is held. */
const BUSY_TIMEOUT_MS = 2000
const FULL_RETRY_MS = 1000
/** How often to look whether a slow disk has taken what was acknowledged. */
const DISK_RETRY_MS = 2

/** SQL for a transaction, which may have other jobs in it. A job may run more than once, and does nothing but SQL. */
export interface Job<T = unknown> {
  /** The job waits while the disk is full; others are rejected with `store-full`. */
  readonly waitsForSpace: boolean
  /** The job is one statement, which needs no explicit transaction when it is alone. */
  readonly autocommit?: boolean | undefined
  /** Set by the queue once the job has met a lock: when it stops waiting for it. */
  giveUpAt?: number | undefined
  run(): T
  /** Called after the commit. */
  resolve(value: T): void
  /** Called when nothing of the job was written. */
  reject(error: unknown): void
}

/**
 * Group commit: all jobs of one turn of the event loop become one transaction; only a job that comes alone is committed at
 * once. A job that throws does not affect the others, because the jobs of its transaction are then run again one by one. So a
 * job may run more than once, and must do nothing but SQL.
 */
export class WriteQueue {
  readonly #clock: Clock
  readonly #afterCommit: () => void
  readonly #onFull: OnFull
  readonly #isLate: () => boolean
  readonly #transaction: Transaction
  /** Jobs for the next turn. */
  #jobs: Job[] = []
  /** Jobs with `waitsForSpace` that are still being gathered. */
  #gathering: Job[] = []
  #isTurnPlanned = false
  /** Number of jobs that a request waits for: in this turn so far, and in the one before. */
  #jobsThisTurn = 0
  #jobsLastTurn = 0
  #gatherTimer: NodeJS.Timeout | undefined
  #gatherMs = GATHER_MS
  /** There was a commit after the last call of `afterCommit`. */
  #hasCommitted = false
  #state: 'open' | 'paused' | 'closed' = 'open'
  /** `onFull` was last called with a reason. */
  #isFullReported = false
  /** Why nothing can be written now; `undefined` when writing works. */
  #full: unknown
  #cancelRetry: (() => void) | undefined

  /** @param isLate whether what was acknowledged has to reach the disk before more may be */
  constructor(
    database: DatabaseSync,
    clock: Clock,
    afterCommit: () => void,
    onFull: OnFull,
    isLate: () => boolean = () => false,
  ) {
    this.#isLate = isLate
    this.#transaction = openTransaction(database)
    this.#clock = clock
    this.#afterCommit = afterCommit
    this.#onFull = onFull
  }

  get isWritable(): boolean {
    return this.#full === undefined && this.#state !== 'closed'
  }

  /** Resolves with the result of the job once it is committed; rejects with `store-full` while the disk is full. */
  write<T>(run: () => T): Promise<T> {
    return new Promise((resolve, reject) => this.queue({ waitsForSpace: false, run, resolve, reject }))
  }

  /** Like `write`, but waits for space instead of rejecting. */
  writeWithRetry<T>(run: () => T): Promise<T> {
    return new Promise((resolve, reject) => this.queue({ waitsForSpace: true, run, resolve, reject }))
  }

  /** Queues a job, or rejects it at once. */
  queue<T>(job: Job<T>): void {
    const { waitsForSpace } = job
    if (this.#state === 'closed') return job.reject(closedError())
    if (waitsForSpace) return this.#add(job)
    if (this.#full !== undefined) return job.reject(storeFull(this.#full))
    this.#jobs.push(job)
    if (++this.#jobsThisTurn === 1 && this.#jobsLastTurn <= 1) this.#runTurnNow()
    this.#planTurn()
    return undefined
  }

  /** Resolves when everything queued so far is committed or rejected. */
  async whenDrained(): Promise<void> {
    this.#gather()
    await this.write(() => undefined).catch(() => undefined)
  }

  /** Leaves the database to another connection; jobs are queued meanwhile. */
  pause(): void {
    if (this.#state === 'open') this.#state = 'paused'
  }

  resume(): void {
    if (this.#state === 'paused') this.#state = 'open'
    this.#planTurn()
  }

  /** Writes what can be written now and rejects the rest. */
  close(): void {
    this.#state = 'closed'
    this.#gather()
    this.#stopRetrying()
    while (this.#jobs.length > 0 && this.#cancelRetry === undefined) this.#runTurn()
    this.#stopRetrying()
    for (const job of this.#jobs.splice(0)) job.reject(storeFull(this.#full ?? closedError()))
  }

  /**
   * Commits a job that comes alone at once, instead of at the end of the turn of the event loop: until then everything that
   * is ready is read, and with 32 streams that is some twenty chunks. Only when the turn before had at most one job.
   */
  #runTurnNow(): void {
    if (this.#isTurnPlanned || this.#isBlocked()) return
    // The next turn is planned first, so that `afterCommit` is called there and the owner of this job goes on at once.
    this.#openTurn()
    this.#runTurn()
  }

  #add(job: Job): void {
    this.#gathering.push(job)
    if (this.#gathering.length >= MAX_JOBS_PER_TRANSACTION) this.#gather()
    else this.#gatherTimer ??= setTimeout(() => this.#gather(), this.#gatherMs)
  }

  /** Moves the gathered jobs to the next turn. */
  #gather(): void {
    this.#takeGathered()
    this.#planTurn()
  }

  #takeGathered(): void {
    clearTimeout(this.#gatherTimer)
    this.#gatherTimer = undefined
    this.#gatherMs = this.#gathering.length < BUSY_JOBS ? GATHER_MS : BUSY_GATHER_MS
    for (const job of this.#gathering.splice(0)) this.#jobs.push(job)
  }

  #planTurn(): void {
    if (!this.#isTurnPlanned && !this.#isBlocked() && this.#jobs.length > 0) this.#openTurn()
  }

  #isBlocked(): boolean {
    return this.#state === 'paused' || this.#cancelRetry !== undefined
  }

  #openTurn(): void {
    this.#isTurnPlanned = true
    setImmediate(() => {
      this.#isTurnPlanned = false
      this.#jobsLastTurn = this.#jobsThisTurn
      this.#jobsThisTurn = 0
      if (!this.#isBlocked() && this.#state !== 'closed') this.#runTurn()
      this.#reportCommitted()
    })
  }

  #reportCommitted(): void {
    if (!this.#hasCommitted) return
    this.#hasCommitted = false
    if (this.#isFullReported && this.#full === undefined) this.#reportFull(undefined)
    this.#afterCommit()
  }

  #runTurn(): void {
    if (this.#jobs.length > 0 && this.#state !== 'closed' && this.#isLate()) return this.#waitForDisk()
    const jobs = this.#jobs.splice(0, MAX_JOBS_PER_TRANSACTION)
    if (jobs.length === 0) return
    const values = this.#tryTogether(jobs)
    // Outside the `try`: a committed job must not run again because its `resolve` throws.
    if (values !== undefined) for (let at = 0; at < jobs.length; at++) jobs[at]?.resolve(values[at])
    this.#planTurn()
    return undefined
  }

  /** In the time of the disk, whatever the clock is. */
  #waitForDisk(): void {
    const timer = setTimeout(() => {
      this.#cancelRetry = undefined
      this.#takeGathered()
      this.#planTurn()
    }, DISK_RETRY_MS)
    this.#cancelRetry = () => clearTimeout(timer)
    this.#rejectImpatient(slowDisk())
  }

  /** The results of the jobs; `undefined` when the transaction failed and every job has been dealt with. */
  #tryTogether(jobs: readonly Job[]): readonly unknown[] | undefined {
    try {
      return this.#commitTogether(jobs)
    } catch (error) {
      if (isStorageError(error)) this.#stall(jobs, error)
      else this.#commitOneByOne(jobs, error)
      return undefined
    }
  }

  #commitTogether(jobs: readonly Job[]): readonly unknown[] {
    const values = this.#commit(jobs)
    this.#full = undefined
    this.#hasCommitted = true
    return values
  }

  #commit(jobs: readonly Job[]): readonly unknown[] {
    const [first] = jobs
    // Saves 2 of 11 µs; for the first request in a while it saves 10 µs.
    if (jobs.length === 1 && first?.autocommit === true) return [first.run()]
    return this.#transaction(() => jobs.map((job) => job.run()))
  }

  #commitOneByOne(jobs: readonly Job[], firstError: unknown): void {
    if (jobs.length === 1) return jobs[0]?.reject(firstError)
    // Called when all jobs are done: an owner that writes again at once would get between a job that was undone and its next
    // run.
    const callbacks: (() => void)[] = []
    for (const [index, job] of jobs.entries()) {
      try {
        const [value] = this.#commitTogether([job])
        callbacks.push(() => job.resolve(value))
      } catch (error) {
        if (isStorageError(error)) {
          this.#stall(jobs.slice(index), error)
          break
        }
        callbacks.push(() => job.reject(error))
      }
    }
    for (const end of callbacks) end()
  }

  /** Nothing of `jobs` is in the database: they go back to the head of the queue and are retried later. */
  #stall(jobs: readonly Job[], error: unknown): void {
    this.#jobs.unshift(...jobs)
    this.#takeGathered()
    const isLocked = isBusy(error)
    this.#cancelRetry = this.#clock.after(isLocked ? BUSY_RETRY_MS : FULL_RETRY_MS, () => {
      this.#cancelRetry = undefined
      this.#takeGathered()
      // Without waiting jobs, the next request finds out whether writing works again.
      if (this.#jobs.length === 0) this.#full = undefined
      this.#planTurn()
    })
    if (isLocked) this.#rejectImpatient(error)
    else this.#rejectNonWaiting(error)
  }

  #stopRetrying(): void {
    this.#cancelRetry?.()
    this.#cancelRetry = undefined
  }

  #reportFull(reason: unknown): void {
    this.#isFullReported = reason !== undefined
    this.#onFull(reason)
  }

  #rejectNonWaiting(error: unknown): void {
    this.#full = error
    this.#reject((job) => !job.waitsForSpace, error)
  }

  /** Refuses only what has waited for its whole time: the lock may be released at any moment, unlike space on a disk. */
  #rejectImpatient(error: unknown): void {
    this.#full = undefined
    const now = this.#clock.monotonic()
    this.#reject((job) => {
      job.giveUpAt ??= now + BUSY_TIMEOUT_MS
      return !job.waitsForSpace && now >= job.giveUpAt
    }, error)
  }

  #reject(isRefused: (job: Job) => boolean, error: unknown): void {
    const [refused, waiting]: [Job[], Job[]] = [[], []]
    for (const job of this.#jobs) (isRefused(job) ? refused : waiting).push(job)
    this.#jobs = waiting
    if ((refused.length > 0 || this.#full !== undefined) && !this.#isFullReported) this.#reportFull(error)
    for (const job of refused) job.reject(storeFull(error))
  }
}

/** Called with the reason when nothing can be written any more, and with `undefined` when writing works again. */
export type OnFull = (reason: unknown) => void

type Transaction = <T>(work: () => T) => T

function openTransaction(database: DatabaseSync): Transaction {
  const begin = prepare(database, 'BEGIN IMMEDIATE')
  const commit = prepare(database, 'COMMIT')
  const rollback = prepare(database, 'ROLLBACK')
  return (work) => {
    // Unlike `run`, `get` builds no object with the changes.
    begin.get()
    try {
      const result = work()
      commit.get()
      return result
    } catch (error) {
      // A full disk makes SQLite roll back by itself.
      if (database.isTransaction) rollback.get()
      throw error
    }
  }
}

function storeFull(cause: unknown): BrokerError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new BrokerError('store-full', `the database cannot be written (${reason}): ${adviceFor(cause)}`, {
    cause,
  })
}

function closedError(): BrokerError {
  return new BrokerError('stopping', 'the broker is stopping')
}
