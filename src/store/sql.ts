import type { DatabaseSync } from 'node:sqlite'

/** What SQLite stores and gives back. Integers always come back as `bigint`, so that no amount is ever rounded. */
export type SqlValue = null | number | bigint | string | Uint8Array

export type Row = Readonly<Record<string, SqlValue>>

/** A prepared statement with positional parameters. Prepare once, run often: preparing costs ten times as much as running. */
export interface Statement {
  /** How many rows changed, and the rowid of the last one that was inserted. */
  run(...values: SqlValue[]): { readonly changes: number | bigint; readonly lastInsertRowid: number | bigint }
  get(...values: SqlValue[]): Row | undefined
  all(...values: SqlValue[]): Row[]
  /** Keeps a snapshot open until it is done, which holds up checkpoints: not for slow readers. */
  iterate(...values: SqlValue[]): Iterable<Row>
}

export function prepare(database: DatabaseSync, sql: string): Statement {
  const statement = database.prepare(sql)
  statement.setReadBigInts(true)
  return statement
}
