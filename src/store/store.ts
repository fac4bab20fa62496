import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { BrokerError } from '../base/errors.ts'
import { Checkpoints } from './durability/checkpoints.ts'
import { damagedDatabase } from './damage/damage.ts'
import { lockForOneBroker, openDatabase, type Durability } from './database.ts'
import { LogSync } from './durability/log-sync.ts'
import { MIGRATIONS } from './migrations.ts'
import { openReadOnly, type ReadOnlyStore } from './read-only.ts'
import { prepare, type Statement } from './sql.ts'
import { adviceFor, isBusy, isDamage } from './sqlite-errors.ts'
import { WriteQueue, type Job, type OnFull } from './write-queue.ts'

/** The one SQLite file. Reads are synchronous. Writes are grouped, and an acknowledged write survives `kill -9`. */
export interface Store {
  prepare(sql: string): Statement
  /**
   * Runs a job of SQL in the next transaction and resolves with its result after the commit. A job may run more than once, so
   * it does nothing but SQL; when a job throws, only its own changes are undone. Rejects with `store-full` while nothing can
   * be written.
   */
  write<T>(job: () => T): Promise<T>
  /** Like `write`, for what must not be lost: waits until there is space again. */
  writeWithRetry<T>(job: () => T): Promise<T>
  /** Queues a write with callbacks instead of a promise, which saves 0.3 µs. */
  queue<T>(job: Job<T>): void
  /** Resolves when everything queued so far is committed; with a full disk it resolves at once. */
  whenDrained(): Promise<void>
  /** False while the disk is full: check it before accepting a request that will have to be written. */
  isWritable(): boolean
  /** What is committed now, on a connection of its own: for readers that take several turns. Delays checkpoints. */
  snapshot(): ReadOnlyStore
  /** The path of the file. */
  readonly path: string
  /** Resolves when everything queued so far is committed and on the disk. */
  flush(): Promise<void>
  /**
   * Writes what is queued and closes the file. With a full disk the rest is rejected. Further calls return the first promise.
   */
  close(): Promise<void>
}

export interface StoreOptions {
  readonly path: string
  readonly clock: Clock
  readonly durability: Durability
  /** Called with the reason when nothing can be written any more, and with `undefined` when writing works again. */
  readonly onFull?: OnFull | undefined
  /** By default those of `requests.db`. */
  readonly migrations?: readonly string[] | undefined
}

/**
 * Opens or creates the database and its folder, for this process alone. Throws `cannot-start` when another broker has it
 * open, a newer program created it, or the file cannot be used.
 */
export function openStore(options: StoreOptions): Store {
  try {
    mkdirSync(dirname(options.path), { recursive: true, mode: 0o700 })
    return openAlone(options)
  } catch (error) {
    throw isDamage(error) ? damagedDatabase(options.path, error) : cannotOpen(options.path, error)
  }
}

function cannotOpen(path: string, cause: unknown): BrokerError {
  if (cause instanceof BrokerError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  if (isBusy(cause))
    return new BrokerError(
      'cannot-start',
      `cannot use the database ${path} (${reason}): ${adviceFor(cause)}`,
      { cause },
    )
  const message = `cannot use the database ${path} (${reason}): repair its folder, or name another one with PATH_VAR`
  return new BrokerError('cannot-start', message, { cause })
}

const IGNORE: OnFull = () => undefined

function openAlone({
  path,
  clock,
  durability,
  onFull = IGNORE,
  migrations = MIGRATIONS,
}: StoreOptions): Store {
  const lock = lockForOneBroker(path)
  try {
    const database = openDatabase(path, durability, migrations)
    const queue: WriteQueue = new WriteQueue(
      database,
      clock,
      () => sync.soon(),
      onFull,
      () => sync.isLate,
    )
    const checkpoints = new Checkpoints(path, queue)
    const sync = new LogSync({
      path: `${path}-wal`,
      clock,
      isNeeded: durability !== 'full',
      onLogSize: (bytes) => checkpoints.consider(bytes),
    })
    const close = async (): Promise<void> => {
      await sync.close()
      await checkpoints.close()
      queue.close()
      database.close()
      lock.release()
    }
    let closing: Promise<void> | undefined
    return {
      prepare: (sql) => prepare(database, sql),
      write: (job) => queue.write(job),
      writeWithRetry: (job) => queue.writeWithRetry(job),
      queue: (job) => queue.queue(job),
      whenDrained: () => queue.whenDrained(),
      isWritable: () => queue.isWritable,
      snapshot: () => openReadOnly(path),
      path,
      async flush() {
        const written = queue.writeWithRetry(() => undefined)
        await queue.whenDrained()
        await written
        await sync.now()
      },
      close: () => (closing ??= close()),
    }
  } catch (error) {
    lock.release()
    throw error
  }
}
