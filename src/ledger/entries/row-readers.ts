import { money, type Money } from '../../base/money.ts'
import type { Row, SqlValue } from '../../store/sql.ts'

/** Reads one column of a row that our own migrations and writers made; another type in it is a bug, and thrown as one. */
export function text(row: Row, column: string): string {
  const value = row[column]
  return typeof value === 'string' ? value : wrong(column, value)
}

export function maybeText(row: Row, column: string): string | undefined {
  return row[column] === null ? undefined : text(row, column)
}

/** Counts and times; every one of them is far below 2⁵³. */
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
