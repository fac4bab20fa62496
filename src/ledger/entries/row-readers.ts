import { money, type Money } from '../../base/money.ts'
import type { Row, SqlValue } from '../../store/sql.ts'

/** Reads a text column. Only our own code writes these tables, so another type in the column is a bug: throws `TypeError`. */
export function text(row: Row, column: string): string {
  const value = row[column]
  return typeof value === 'string' ? value : wrong(column, value)
}

export function maybeText(row: Row, column: string): string | undefined {
  return row[column] === null ? undefined : text(row, column)
}

/** Reads a count or a time; all of them are far below 2⁵³. */
export function count(row: Row, column: string): number {
  const value = row[column]
  return typeof value === 'bigint' ? Number(value) : wrong(column, value)
}

export function maybeCount(row: Row, column: string): number | undefined {
  return row[column] === null ? undefined : count(row, column)
}

export function amount(row: Row, column: string): Money {
  const value = row[column]
  return typeof value === 'bigint' ? money(value) : wrong(column, value)
}

export function maybeAmount(row: Row, column: string): Money | undefined {
  return row[column] === null ? undefined : amount(row, column)
}

function wrong(column: string, value: SqlValue | undefined): never {
  throw new TypeError(`column ${column} holds ${typeof value}`)
}

/** A column that holds what the ledger never writes, or pages of the file that are no longer a database. */
export function isDamagedRow(thrown: unknown): boolean {
  if (thrown instanceof SyntaxError) return true
  return thrown instanceof Error && /malformed|not a database|^column \w+ holds/.test(thrown.message)
}
