import { closeSync, constants, copyFileSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { BrokerError } from '../../base/errors.ts'
import { damagedDatabase } from './damage.ts'
import { lockForOneBroker } from '../database.ts'
import { migrate } from '../migrate.ts'
import { prepare, type Row, type SqlValue, type Statement } from '../sql.ts'

/** What became of one table. */
export interface SalvagedTable {
  readonly table: string
  readonly copied: number
  /** Rows that were read and do not fit their table. */
  readonly refused: number
  /** Why not all rows could be read; absent when they could. */
  readonly error?: string | undefined
}

/** A database in a transaction. */
export interface Rewriting {
  prepare(sql: string): Statement
  exec(sql: string): void
}

export interface SalvageOptions {
  readonly from: string
  /** A file that does not exist yet. */
  readonly to: string
  readonly migrations: readonly string[]
  /** Whether a row of a table is usable; all are by default. */
  readonly isUsable?: ((table: string, row: Row) => boolean) | undefined
}

/**
 * Copies every row that can be read into a new database. The old file and its log are not changed: work is done on a copy of
 * both. Throws `bad-request` when the new file exists, and `cannot-start` when nothing can be read.
 */
export function salvage(options: SalvageOptions): readonly SalvagedTable[] {
  const { from, to, migrations } = options
  if (!existsSync(from)) throw new BrokerError('not-found', `there is no database at ${from}`)
  if (existsSync(to)) throw new BrokerError('bad-request', `${to} exists already: name a new file`)
  using _lock = lockOf(from)
  const scratch = mkdtempSync(join(dirname(to), '.salvage-'))
  try {
    const copy = join(scratch, 'old.db')
    for (const end of ['', '-wal']) if (existsSync(from + end)) copyFileSync(from + end, copy + end)
    const old = openOld(from, copy, migrations)
    try {
      const fresh = join(scratch, 'new.db')
      closeSync(openSync(fresh, 'wx', 0o600))
      const tables = copyInto(fresh, old, options, migrations)
      copyFileSync(fresh, to, constants.COPYFILE_EXCL)
      return tables
    } finally {
      old.close()
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Keeps a broker from starting on the database meanwhile. Throws `cannot-start` while one is running. */
function lockOf(path: string): Disposable {
  const lock = existsSync(`${path}-lock`) ? lockForOneBroker(path) : undefined
  return { [Symbol.dispose]: () => lock?.release() }
}

/** Changes a database that no program has open, in one transaction. */
export function rewrite(path: string, work: (database: Rewriting) => void): void {
  const database = new DatabaseSync(path)
  try {
    database.exec('BEGIN IMMEDIATE')
    work({ prepare: (sql) => prepare(database, sql), exec: (sql) => database.exec(sql) })
    database.exec('COMMIT')
  } finally {
    database.close()
  }
}

function openOld(from: string, copy: string, migrations: readonly string[]): DatabaseSync {
  try {
    const database = new DatabaseSync(copy, { timeout: 0 })
    database.prepare('SELECT count(*) FROM sqlite_schema').get()
    try {
      migrate(database, migrations)
    } catch {
      // The tables of an earlier version are read as they are.
    }
    return database
  } catch (error) {
    throw damagedDatabase(from, error)
  }
}

function copyInto(
  path: string,
  old: DatabaseSync,
  { isUsable = () => true }: SalvageOptions,
  migrations: readonly string[],
): readonly SalvagedTable[] {
  const database = new DatabaseSync(path)
  try {
    database.exec('PRAGMA journal_mode = WAL')
    migrate(database, migrations)
    database.exec('BEGIN')
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all()
    const results = tables
      .map(({ name }) => String(name))
      .filter((name) => !name.startsWith('sqlite_'))
      .map((table) => copyTable(old, database, table, isUsable))
    database.exec('COMMIT')
    return results
  } finally {
    database.close()
  }
}

function copyTable(
  old: DatabaseSync,
  fresh: DatabaseSync,
  table: string,
  isUsable: (table: string, row: Row) => boolean,
): SalvagedTable {
  const columns = columnsOf(fresh, table).filter((name) => columnsOf(old, table).includes(name))
  if (columns.length === 0) return { table, copied: 0, refused: 0, error: 'the table is missing' }
  const insert = fresh.prepare(
    `INSERT OR REPLACE INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
  )
  const types = typesOf(fresh, table)
  // A row may be read several times when a part of its table can't be.
  const refused = new Set<string>()
  const seen = (row: Row): void => {
    const values = columns.map((name): SqlValue => row[name] ?? null)
    try {
      if (!hasTypes(row, types) || !isUsable(table, row)) throw new TypeError('not usable')
      insert.run(...values)
    } catch {
      refused.add(values.map(String).join('\n'))
    }
  }
  const error = readWhatCanBeRead(old, table, columns, seen)
  const copied = Number(fresh.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n'])
  return { table, copied, refused: refused.size, ...(error === undefined ? {} : { error }) }
}

/** The declared type of each column. */
function typesOf(database: DatabaseSync, table: string): ReadonlyMap<string, string> {
  const rows = database.prepare(`SELECT name, type FROM pragma_table_xinfo('${table}')`).all()
  return new Map(rows.map(({ name, type }) => [String(name), String(type)]))
}

function hasTypes(row: Row, types: ReadonlyMap<string, string>): boolean {
  return Object.entries(row).every(([name, value]) => {
    if (value === null) return true
    return types.get(name) === 'INTEGER' ? typeof value === 'bigint' : typeof value === 'string'
  })
}

/** Columns that have values of their own. */
function columnsOf(database: DatabaseSync, table: string): string[] {
  try {
    return database
      .prepare(`SELECT name FROM pragma_table_xinfo('${table}') WHERE hidden = 0`)
      .all()
      .map(({ name }) => String(name))
  } catch {
    return []
  }
}

/**
 * Reads a table from its beginning and, when that fails somewhere, by each rowid that an index or the order of numbers still
 * gives. Returns why not everything was read.
 */
function readWhatCanBeRead(
  old: DatabaseSync,
  table: string,
  columns: readonly string[],
  seen: (row: Row) => void,
): string | undefined {
  const list = columns.join(', ')
  let failure: string | undefined
  try {
    for (const row of prepare(old, `SELECT ${list} FROM ${table} NOT INDEXED`).iterate()) seen(row)
    return undefined
  } catch (error) {
    failure = messageOf(error)
  }
  readBackwards(old, table, list, seen)
  readByIndexes(old, table, list, seen)
  return failure
}

function readBackwards(old: DatabaseSync, table: string, list: string, seen: (row: Row) => void): void {
  for (const order of ['rowid DESC', '1 DESC'])
    try {
      for (const row of prepare(old, `SELECT ${list} FROM ${table} ORDER BY ${order}`).iterate()) seen(row)
      return
    } catch {
      // What came before the failure is copied; rows that are read twice replace themselves.
    }
}

/** A damaged page of the table does not damage the rows of others, which an index may still lead to. */
function readByIndexes(old: DatabaseSync, table: string, list: string, seen: (row: Row) => void): void {
  let byRowid
  try {
    byRowid = prepare(old, `SELECT ${list} FROM ${table} WHERE rowid = ?`)
  } catch {
    return
  }
  for (const rowid of rowids(old, table))
    try {
      const row = byRowid.get(rowid)
      if (row !== undefined) seen(row)
    } catch {
      // This row is on a damaged page.
    }
}

/** The rowids that an index gives, and all numbers up to the highest one. */
function rowids(old: DatabaseSync, table: string): Iterable<bigint> {
  const found = new Set<bigint>()
  const queries = [
    `SELECT rowid AS n FROM ${table} ORDER BY id`,
    `SELECT rowid AS n FROM ${table} ORDER BY id DESC`,
    `SELECT max(rowid) AS n FROM ${table}`,
  ]
  for (const sql of queries)
    try {
      for (const { n } of prepare(old, sql).iterate()) if (typeof n === 'bigint') found.add(n)
    } catch {
      // The next query may do.
    }
  let last = 0n
  for (const n of found) if (n > last) last = n
  if (last <= MAX_PROBED) for (let n = 1n; n <= last; n++) found.add(n)
  return [...found].toSorted((a, b) => (a < b ? -1 : 1))
}

/** Rowids that are tried one by one. */
const MAX_PROBED = 20_000_000n

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
