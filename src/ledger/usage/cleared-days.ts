import { hash } from 'node:crypto'
import type { Row, SqlValue, Statement } from '../../store/sql.ts'
import { text } from '../entries/row-readers.ts'
import { DAY_COLUMNS, DAY_KEY, DAY_UPSERT, ROW_SUMS } from './usage-sums.ts'

const DAY_S = 86_400
const KEY_TERMS = `started_at / ${DAY_S}, ip, ifnull(context, ''), ifnull(token, ''), ifnull(answered_model, model)`

/** The SQL that adds the rows in `(?, ?]` up by day. */
export const SUMS_BY_DAY = `
  SELECT ${KEY_TERMS}, ${ROW_SUMS} FROM request_logs WHERE seq > ? AND seq <= ? GROUP BY 1, 2, 3, 4, 5`

interface Preparing {
  prepare(sql: string): Statement
}

/** `cleared_days`: the totals of the rows that were cleared away, with a digest. Runs inside a write of the store. */
export class ClearedDays {
  readonly #sums: Statement
  readonly #get: Statement
  readonly #put: Statement
  readonly #all: Statement
  readonly #seal: Statement
  readonly #putSeal: Statement

  constructor(store: Preparing) {
    this.#sums = store.prepare(SUMS_BY_DAY)
    this.#get = store.prepare(
      `SELECT * FROM cleared_days WHERE ${DAY_KEY.map((name) => `${name} = ?`).join(' AND ')}`,
    )
    this.#put = store.prepare(
      `INSERT INTO cleared_days VALUES (${DAY_COLUMNS.map(() => '?').join(', ')}) ON CONFLICT DO UPDATE SET ${DAY_UPSERT}`,
    )
    this.#all = store.prepare('SELECT * FROM cleared_days')
    this.#seal = store.prepare("SELECT value FROM ledger_seals WHERE name = 'cleared_days'")
    this.#putSeal = store.prepare("INSERT OR REPLACE INTO ledger_seals VALUES ('cleared_days', ?)")
  }

  /** Adds the rows up to `seq`, which are about to be deleted. */
  add(seq: number): void {
    const seal = this.#currentSeal()
    for (const row of this.#sums.all(0, seq)) {
      const values = Object.values(row)
      const key = values.slice(0, DAY_KEY.length)
      const before = this.#get.get(...key)
      if (before !== undefined) seal.remove(before)
      this.#put.run(...values)
      const after = this.#get.get(...key)
      if (after !== undefined) seal.add(after)
    }
    this.#putSeal.run(seal.text)
  }

  /** Notes the digest of what the table has now. */
  seal(): void {
    this.#putSeal.run(this.#sealOfAll().text)
  }

  #currentSeal(): Seal {
    const stored = this.#seal.get()
    return stored === undefined ? this.#sealOfAll() : new Seal(text(stored, 'value'))
  }

  #sealOfAll(): Seal {
    const seal = new Seal()
    for (const row of this.#all.iterate()) seal.add(row)
    return seal
  }
}

/** A digest of a set of rows, whatever their order: the sum of their SHA-256 hashes modulo 2²⁵⁶. Rows can be taken out again. */
export class Seal {
  #sum: bigint

  constructor(stored = '0') {
    this.#sum = BigInt(`0x${stored}`)
  }

  add(row: Row): void {
    this.#sum = BigInt.asUintN(256, this.#sum + hashOf(row))
  }

  remove(row: Row): void {
    this.#sum = BigInt.asUintN(256, this.#sum - hashOf(row))
  }

  get text(): string {
    return this.#sum.toString(16)
  }
}

function hashOf(row: Row): bigint {
  const values = DAY_COLUMNS.map((column): SqlValue => row[column] ?? null)
  return BigInt(`0x${hash('sha256', JSON.stringify(values.map(String)), 'hex')}`)
}
