import { hash } from 'node:crypto'
import { jsonText } from '../../base/text.ts'
import { payerAccount } from '../../auth/accounts.ts'
import type { Caller } from '../../auth/caller.ts'
import type { Row, SqlValue } from '../../store/sql.ts'
import { maybeText, text } from './row-readers.ts'
import { FIRST_LATER_COLUMN, ROW_COLUMNS } from './entry-row.ts'

/** The hash before the first row of a payer. */
export const NO_HASH = ''

/** Hashes rows one after the other. Most columns have the value that they had in the row before, and then keep its text. */
export class RowHasher {
  readonly #values: (SqlValue | undefined)[] = ROW_COLUMNS.map(() => undefined)
  readonly #texts: string[] = ROW_COLUMNS.map(() => '')

  /**
   * The hash of a row: SHA-256 over the hash before it and all its values, in base64. A row cannot be changed, removed or moved
   * without changing every later hash of its payer. Numbers are written in decimal, texts as JSON strings, NULL as an empty
   * text; every value has a comma before it. Columns that were added later are written as `name=value`, and not at all when
   * they are NULL.
   *
   * @param values the values of `ROW_COLUMNS`, in their order; further values are ignored.
   */
  hash(before: string, values: readonly SqlValue[]): string {
    // Appends to a text instead of joining a list, which saves 0.3 of 2.7 µs.
    let text = before
    for (let at = 0; at < ROW_COLUMNS.length; at++) {
      const value = values[at] ?? null
      if (value !== this.#values[at]) this.#renew(at, value)
      text += this.#texts[at] ?? ''
    }
    return hash('sha256', text, 'base64')
  }

  #renew(at: number, value: SqlValue): void {
    this.#values[at] = value
    this.#texts[at] = at < FIRST_LATER_COLUMN ? `,${cell(value)}` : laterCell(at, value)
  }
}

function laterCell(at: number, value: SqlValue): string {
  return value === null ? '' : `,${ROW_COLUMNS[at]}=${cell(value)}`
}

function cell(value: SqlValue): string {
  if (value === null) return ''
  return typeof value === 'string' ? jsonText(value) : String(value)
}

/** The last hash of each payer. */
export class ChainHeads {
  readonly #byPayer = new Map<string, string>()

  of(caller: Pick<Caller, 'ip' | 'context'>): string {
    return this.#byPayer.get(payerAccount(caller)) ?? NO_HASH
  }

  /** All payers that have one. */
  payers(): Iterable<[payer: string, hash: string]> {
    return this.#byPayer.entries()
  }

  set(caller: Pick<Caller, 'ip' | 'context'>, hash: string): void {
    this.#byPayer.set(payerAccount(caller), hash)
  }

  /** Loads the hashes of rows with `ip`, `context` and `hash`; later rows come last. */
  load(rows: Iterable<Row>): void {
    for (const row of rows) {
      const hash = maybeText(row, 'hash')
      const context = maybeText(row, 'context')
      if (hash === undefined) continue
      this.set({ ip: text(row, 'ip'), context: context === '' ? undefined : context }, hash)
    }
  }
}
