import type { Row, SqlValue } from '../../store/sql.ts'
import { ADDED, DAY_COLUMNS, DAY_KEY } from '../usage/usage-sums.ts'

const DAY_S = 86_400n
const FIRST_SUM = DAY_KEY.length
const FIRST_SEEN = DAY_COLUMNS.indexOf('first_seen')
const LAST_SEEN = DAY_COLUMNS.indexOf('last_seen')

/** The sums of one group, in the order of `DAY_COLUMNS` after its key. */
type Sums = bigint[]

/** Adds rows up by day, address, context, token and model, independently of the SQL of the roll-up. */
export class DaySums {
  readonly #groups = new Map<string, Sums>()

  /** Adds a row of `request_logs`. */
  addEntry(row: Row): void {
    const startedAt = integer(row['started_at'])
    this.#add(
      keyOf([
        startedAt / DAY_S,
        row['ip'] ?? null,
        row['context'] ?? '',
        row['token'] ?? '',
        row['answered_model'] ?? row['model'] ?? null,
      ]),
      [
        row['adjusts'] === null ? 1n : 0n,
        ...ADDED.slice(1).map((column) => integer(row[column] ?? 0n)),
        startedAt,
        startedAt,
      ],
    )
  }

  /** Adds a row of `usage_days` or `cleared_days`. */
  addDay(row: Row): void {
    this.#add(keyOf(DAY_KEY.map((column) => row[column] ?? null)), sumsOf(row))
  }

  /** The groups that differ from those of other sums, and how. */
  *differences(found: DaySums): Generator<{ readonly key: readonly string[]; readonly what: string }> {
    for (const [key, own] of this.#groups) {
      const other = found.#groups.get(key)
      if (other === undefined)
        yield { key: JSON.parse(key) as string[], what: 'its rows are not in usage_days' }
      else if (own.some((sum, at) => sum !== other[at]))
        yield { key: JSON.parse(key) as string[], what: differencesOf(own, other) }
    }
    for (const key of found.#groups.keys())
      if (!this.#groups.has(key)) yield { key: JSON.parse(key) as string[], what: 'no row belongs to it' }
  }

  #add(key: string, sums: Sums): void {
    const own = this.#groups.get(key)
    if (own === undefined) return void this.#groups.set(key, sums)
    for (let at = 0; at < ADDED.length; at++) own[at] = (own[at] ?? 0n) + (sums[at] ?? 0n)
    const [first, last] = [FIRST_SEEN - FIRST_SUM, LAST_SEEN - FIRST_SUM]
    if ((sums[first] ?? 0n) < (own[first] ?? 0n)) own[first] = sums[first] ?? 0n
    if ((sums[last] ?? 0n) > (own[last] ?? 0n)) own[last] = sums[last] ?? 0n
    return undefined
  }
}

function differencesOf(own: Sums, found: Sums): string {
  return DAY_COLUMNS.slice(FIRST_SUM)
    .flatMap((column, at) =>
      own[at] === found[at] ? [] : [`${column} is ${found[at]}, the rows add up to ${own[at]}`],
    )
    .join('; ')
}

function keyOf(values: readonly SqlValue[]): string {
  return JSON.stringify(values.map(String))
}

function sumsOf(row: Row): Sums {
  return DAY_COLUMNS.slice(FIRST_SUM).map((column) => integer(row[column]))
}

function integer(value: SqlValue | undefined): bigint {
  if (typeof value !== 'bigint') throw new TypeError(`a sum is no whole number but ${String(value)}`)
  return value
}
