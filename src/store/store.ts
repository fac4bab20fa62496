import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { BrokerError } from '../base/errors.ts'
import { Checkpoints } from './checkpoints.ts'
import { lockForOneBroker, openDatabase, type Durability } from './database.ts'
import { LogSync } from './log-sync.ts'
import { MIGRATIONS } from './migrations.ts'
import { prepare, type Statement } from './sql.ts'
import { WriteQueue, type Job, type OnFull } from './write-queue.ts'

/** The one SQLite file. Reads are synchronous; writes are grouped, and what was acknowledged survives `kill -9`. */
export interface Store {
  prepare(sql: string): Statement
  /**
   * Runs a job of SQL in the next transaction and resolves with its result after the commit. A job may run more than once,
   * so it does nothing but SQL; one that throws is undone alone. Refused with `store-full` while nothing can be written.
   */
  write<T>(job: () => T): Promise<T>
  /** Like `write` for what must not be lost: waits until there is space again. */
  writeEventually<T>(job: () => T): Promise<T>
  /** The same for who needs no promise of its own: 0.3 µs each. */
  queue<T>(job: Job<T>): void
  /** Resolves when everything queued so far is committed; with a full disk, at once. */
  caughtUp(): Promise<void>
  /** False while the disk is full: ask before accepting what will have to be written. */
  isWritable(): boolean
  /** Resolves when everything queued so far is committed and on the disk. */
  flush(): Promise<void>
  /** Writes what is queued and lets go of the file. With a full disk the rest is refused. Twice is once. */
  close(): Promise<void>
}

export interface StoreOptions {
  readonly path: string
  readonly clock: Clock
  readonly durability: Durability
  /** Hears why nothing can be written any more, and with `undefined` that it can be again. */
  readonly onFull?: OnFull | undefined
  /** Those of `requests.db` unless it is another file. */
  readonly migrations?: readonly string[] | undefined
}

/**
 * Opens or creates the database and its folder, alone. Throws `cannot-start` when another broker has it, a newer program
 * made it, or its place can't be used.
 */
export function openStore(options: StoreOptions): Store {
  try {
    mkdirSync(dirname(options.path), { recursive: true, mode: 0o700 })
    return openAlone(options)
  } catch (error) {
    throw error instanceof BrokerError ? error : cannotOpen(options.path, error)
  }
}

function cannotOpen(path: string, cause: unknown): BrokerError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const message = `can't keep the books in ${path} (${reason}): mend that place, or name another folder with PATH_VAR`
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
    const queue: WriteQueue = new WriteQueue(database, clock, () => sync.soon(), onFull)
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
      writeEventually: (job) => queue.writeEventually(job),
      queue: (job) => queue.queue(job),
      caughtUp: () => queue.caughtUp(),
      isWritable: () => queue.isWritable,
      async flush() {
        const written = queue.writeEventually(() => undefined)
        await queue.caughtUp()
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
