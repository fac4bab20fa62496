import type { DatabaseSync } from 'node:sqlite'

/** A value that SQLite stores and returns. Integers are always returned as `bigint`, so that no amount is ever rounded. */
export type SqlValue = null | number | bigint | string | Uint8Array

export type Row = Readonly<Record<string, SqlValue>>

/**
 * A prepared statement with positional parameters. Prepare it once and run it often: preparing takes ten times as long as
 * running.
 */
export interface Statement {
  /** Returns how many rows changed, and the rowid of the last inserted row. */
  run(...values: SqlValue[]): { readonly changes: number | bigint; readonly lastInsertRowid: number | bigint }
  get(...values: SqlValue[]): Row | undefined
  all(...values: SqlValue[]): Row[]
  /** Keeps a snapshot open until it is done, which delays checkpoints: not for slow readers. */
  iterate(...values: SqlValue[]): Iterable<Row>
}

/** Prepares a statement that returns integers as `bigint`. */
export function prepare(database: DatabaseSync, sql: string): Statement {
  const statement = database.prepare(sql)
  statement.setReadBigInts(true)
  return statement
}
