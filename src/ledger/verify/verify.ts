import type { Row, SqlValue, Statement } from '../../store/sql.ts'
import { openReadOnly } from '../../store/read-only.ts'
import { damagedDatabase } from '../../store/damage/damage.ts'
import { NO_HASH, RowHasher } from '../entries/hash-chain.ts'
import { ROW_COLUMNS } from '../entries/entry-row.ts'
import { count, maybeText, text } from '../entries/row-readers.ts'
import { Seal, SUMS_BY_DAY } from '../usage/cleared-days.ts'
import { DAY_COLUMNS } from '../usage/usage-sums.ts'
import { DaySums } from './day-sums.ts'
import {
  differences,
  headOf,
  NO_TOTALS,
  type HeadTotals,
  type LedgerHead,
  type PayerHead,
} from './ledger-head.ts'
import { asBrokenRow, Problems, type Problem, type Verdict } from './verdict.ts'

/** The part of a database that verifying needs. It must show one moment, however long it is read. */
export interface Readable {
  prepare(sql: string): Statement
}

export interface VerifyOptions {
  /** A head of this ledger that was kept elsewhere. */
  readonly anchor?: LedgerHead | undefined
  /** What was found before the rows are read. */
  readonly problems?: readonly Problem[] | undefined
}

/** Number of rows that are read before other events get their turn. */
const SLICE = 500

/**
 * Verifies a ledger. Every row is hashed again in its payer's chain, and their numbers have no gap. What is read from totals
 * (bills, budgets) is added up again: `usage_days` is the sum of the rows and of what was cleared away. The last hashes of the
 * roll-up are those of the rows. An anchor proves that the rows up to it are still the same: it finds a ledger whose end was
 * cut off, and an old copy.
 */
export async function verifyLedger(database: Readable, options: VerifyOptions = {}): Promise<Verdict> {
  const walk = new Walk(database, options)
  await walk.start()
  const page = database.prepare(
    `SELECT seq, hash, ${ROW_COLUMNS.join(', ')} FROM request_logs WHERE seq > ? ORDER BY seq LIMIT ${SLICE}`,
  )
  for (let from = 0; ;) {
    const rows = page.all(from)
    for (const row of rows) walk.next(row)
    if (rows.length < SLICE) break
    from = walk.lastSeq
    await new Promise(setImmediate)
  }
  return walk.finish()
}

/** Verifies a `requests.db` whose broker may be running or not. Throws `not-found`, and `cannot-start` when it can't be read. */
export async function verifyFile(path: string, options: VerifyOptions = {}): Promise<Verdict> {
  using database = openReadOnly(path)
  try {
    return await verifyLedger(database, options)
  } catch (error) {
    throw damagedDatabase(path, error)
  }
}

const MARKS = ['rolled_up', 'cleared', 'cleared_day', 'chained'] as const

type Marks = Record<(typeof MARKS)[number], number>

/** One reading of all rows, oldest first. */
class Walk {
  readonly #database: Readable
  readonly #anchor: LedgerHead | undefined
  readonly #problems = new Problems()
  readonly #marks: Readonly<Marks>
  readonly #payers = new Map<string, PayerHead>()
  /** The payers of the rows that are left. */
  readonly #seen = new Set<string>()
  readonly #hasher = new RowHasher()
  readonly #sums = new DaySums()
  readonly #totals: HeadTotals = { ...NO_TOTALS }
  #rows = 0
  #hasRolledUp = false
  #hasAnchor = false
  lastSeq: number

  constructor(database: Readable, { anchor, problems = [] }: VerifyOptions) {
    this.#database = database
    this.#anchor = anchor
    for (const problem of problems) this.#problems.add(problem)
    this.#marks = this.#readMarks()
    this.lastSeq = this.#marks.cleared
  }

  /** Takes up what is known of rows that were cleared away. */
  async start(): Promise<void> {
    const database = this.#database
    for (const row of database.prepare('SELECT ip, context, seq, hash FROM chain_anchors').all()) {
      const head = payerHead(row)
      this.#payers.set(nameOf(head), head)
    }
    await this.#addCleared()
    this.#passed()
  }

  next(row: Row): void {
    const seq = count(row, 'seq')
    if (seq !== this.lastSeq + 1) this.#gap(seq)
    try {
      this.#checkRow(row, seq)
    } catch (error) {
      this.#problems.add({
        kind: 'row',
        seq,
        id: anyText(row['id']),
        reason: `it is damaged: ${messageOf(error)}`,
      })
    }
    this.lastSeq = seq
    this.#passed()
  }

  async finish(): Promise<Verdict> {
    this.#checkEnd()
    await this.#checkTotals()
    const problems = this.#problems.all()
    const [first] = problems
    const head = headOf(this.lastSeq, this.#payers.values(), this.#totals)
    const verdict = { rows: this.#rows, payers: this.#seen.size, head }
    return first === undefined ? verdict : { ...verdict, broken: asBrokenRow(first), problems }
  }

  #readMarks(): Marks {
    const rows = this.#database.prepare('SELECT name, value FROM ledger_marks').all()
    const found = new Map(rows.map((row) => [text(row, 'name'), count(row, 'value')]))
    const marks = { rolled_up: 0, cleared: 0, cleared_day: 0, chained: 0 }
    for (const name of MARKS) {
      const value = found.get(name)
      if (value === undefined) this.#problems.add({ kind: 'marks', reason: `the mark “${name}” is missing` })
      else marks[name] = value
    }
    return marks
  }

  async #addCleared(): Promise<void> {
    const seal = new Seal()
    let isEmpty = true
    for await (const row of inSlices(this.#database.prepare('SELECT * FROM cleared_days').iterate())) {
      isEmpty = false
      seal.add(row)
      this.#sums.addDay(row)
      this.#totals.requests += count(row, 'requests')
      this.#totals.cost += amountIn(row, 'cost_nano')
      this.#totals.uncertain += amountIn(row, 'uncertain_nano')
    }
    const stored = this.#database.prepare("SELECT value FROM ledger_seals WHERE name = 'cleared_days'").get()
    // Absent after an update from a version without it, until rows are cleared again.
    if (stored !== undefined && text(stored, 'value') !== seal.text)
      this.#problems.add({ kind: 'totals', reason: 'the totals of rows that were cleared away were changed' })
    if (!isEmpty && this.#marks.cleared === 0 && stored === undefined)
      this.#problems.add({
        kind: 'totals',
        reason: 'there are totals of cleared rows, but no row was cleared',
      })
  }

  #gap(seq: number): void {
    const [first, last] = [this.lastSeq + 1, seq - 1]
    const reason = last < first ? 'its number is out of order' : missing(first, last)
    this.#problems.add({ kind: 'row', seq: Math.min(first, seq), reason })
  }

  /** Checks a row against its payer's chain and continues the chain with it, so that only what was changed is reported. */
  #checkRow(row: Row, seq: number): void {
    const [ip, context, hash] = [text(row, 'ip'), maybeText(row, 'context'), maybeText(row, 'hash')]
    const payer = nameOf({ ip, context })
    if (seq > this.#marks.chained) {
      const values = ROW_COLUMNS.map((column): SqlValue => row[column] ?? null)
      const isChained = hash === this.#hasher.hash(this.#payers.get(payer)?.hash ?? NO_HASH, values)
      if (!isChained)
        this.#problems.add({ kind: 'row', seq, id: text(row, 'id'), ip, context, reason: reasonOf(hash) })
      this.#seen.add(payer)
      this.#rows++
    } else if (hash !== undefined) {
      const reason = 'it has a hash, but the mark “chained” says that rows up to there have none'
      this.#problems.add({ kind: 'marks', seq, id: text(row, 'id'), ip, context, reason })
    }
    this.#payers.set(payer, { ip, context, seq, hash: hash ?? this.#payers.get(payer)?.hash })
    this.#sums.addEntry(row)
    if (row['adjusts'] === null) this.#totals.requests++
    this.#totals.cost += amountIn(row, 'cost_nano')
    this.#totals.uncertain += amountIn(row, 'uncertain_nano')
  }

  /** Compares with what is known of the ledger at the row that was just read. */
  #passed(): void {
    if (!this.#hasRolledUp && this.lastSeq >= this.#marks.rolled_up) {
      this.#hasRolledUp = true
      this.#checkRolledUp()
    }
    if (!this.#hasAnchor && this.#anchor !== undefined && this.lastSeq >= this.#anchor.seq) {
      this.#hasAnchor = true
      this.#checkAnchor(this.#anchor)
    }
  }

  #checkRolledUp(): void {
    const stored = this.#database.prepare('SELECT ip, context, seq, hash FROM chain_heads').all()
    const left = new Map(this.#payers)
    for (const row of stored) {
      const head = payerHead(row)
      const own = left.get(nameOf(head))
      left.delete(nameOf(head))
      const { ip, context, seq } = head
      if (own === undefined || own.seq < seq)
        this.#problems.add({
          kind: 'heads',
          seq,
          ip,
          context,
          reason: 'it was there at the last roll-up and is missing now',
        })
      else if (own.seq !== seq || (own.hash ?? '') !== (head.hash ?? ''))
        this.#problems.add({
          kind: 'heads',
          seq,
          ip,
          context,
          reason: 'the last roll-up noted another hash for it, or was changed',
        })
    }
    for (const { ip, context, seq } of left.values())
      this.#problems.add({
        kind: 'heads',
        seq,
        ip,
        context,
        reason: 'the last roll-up does not know its payer',
      })
  }

  #checkAnchor(anchor: LedgerHead): void {
    if (this.lastSeq > anchor.seq) {
      const reason = `rows up to ${this.lastSeq} were cleared away since the anchor was taken at row ${anchor.seq}, so it proves nothing any more`
      return this.#problems.add({ kind: 'anchor', seq: anchor.seq, reason })
    }
    const differing = differences(anchor, headOf(anchor.seq, this.#payers.values(), this.#totals))
    if (differing.length === 0) return undefined
    const reason = `up to row ${anchor.seq} this is not the ledger of the anchor: ${differing.join(', ')}`
    return this.#problems.add({ kind: 'anchor', seq: anchor.seq, reason })
  }

  #checkEnd(): void {
    const { rolled_up: rolledUp } = this.#marks
    if (!this.#hasRolledUp) {
      this.#problems.add({
        kind: 'heads',
        seq: this.lastSeq + 1,
        reason: missing(this.lastSeq + 1, rolledUp),
      })
      this.#checkRolledUp()
    }
    if (this.#anchor !== undefined && !this.#hasAnchor) {
      const reason = `the ledger ends at row ${this.lastSeq}, the anchor was taken at row ${this.#anchor.seq}: its end was cut off, or it is an old copy`
      this.#problems.add({ kind: 'anchor', seq: this.lastSeq + 1, reason })
    }
  }

  /** Compares `usage_days` and the rows after it with what was added up here. */
  async #checkTotals(): Promise<void> {
    const found = new DaySums()
    try {
      for await (const row of inSlices(this.#database.prepare('SELECT * FROM usage_days').iterate()))
        found.addDay(row)
      for (const row of this.#database.prepare(SUMS_BY_DAY).iterate(this.#marks.rolled_up, this.lastSeq))
        found.addDay(asDay(row))
    } catch (error) {
      this.#problems.add({ kind: 'totals', reason: `usage_days can't be added up: ${messageOf(error)}` })
    }
    for (const { key, what } of this.#sums.differences(found)) this.#wrongDay(key, what)
  }

  #wrongDay(
    [day = '', ip = '', context = '', token = '', model = '']: readonly string[],
    what: string,
  ): void {
    const date = dateOf(Number(day))
    const payer = token === '' ? '' : `, token ${token}`
    this.#problems.add({
      kind: 'totals',
      ip,
      context: context === '' ? undefined : context,
      reason: `the total of ${date} for ${model}${payer} is wrong: ${what}`,
    })
  }
}

/** Lets other events have their turn now and then. */
async function* inSlices(rows: Iterable<Row>): AsyncGenerator<Row> {
  let read = 0
  for (const row of rows) {
    if (++read % SLICE === 0) await new Promise(setImmediate)
    yield row
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function nameOf({ ip, context }: Pick<PayerHead, 'ip' | 'context'>): string {
  return JSON.stringify([ip, context ?? ''])
}

function payerHead(row: Row): PayerHead {
  const context = maybeText(row, 'context')
  return {
    ip: text(row, 'ip'),
    context: context === '' ? undefined : context,
    seq: count(row, 'seq'),
    hash: maybeText(row, 'hash'),
  }
}

function reasonOf(hash: string | undefined): string {
  if (hash === undefined) return 'it has no hash'
  return 'it was changed, or a row of its payer before it was added or removed'
}

function missing(first: number, last: number): string {
  return first === last ? 'it is missing' : `it and the rows up to ${last} are missing`
}

function amountIn(row: Row, column: string): bigint {
  const value = row[column] ?? 0n
  if (typeof value !== 'bigint') throw new TypeError(`column ${column} holds ${typeof value}`)
  return value
}

/** A row of `SUMS_BY_DAY` under the names of `usage_days`. */
function asDay(row: Row): Row {
  const values = Object.values(row)
  return Object.fromEntries(DAY_COLUMNS.map((name, at) => [name, values[at] ?? null]))
}

function anyText(value: SqlValue | undefined): string {
  return typeof value === 'string' || typeof value === 'bigint' ? String(value) : ''
}

function dateOf(day: number): string {
  const date = new Date(day * 86_400_000)
  return Number.isNaN(date.getTime()) ? `day ${day}` : date.toISOString().slice(0, 10)
}
