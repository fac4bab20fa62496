import type { Caller } from '../../auth/caller.ts'
import { openReadOnly } from '../../store/read-only.ts'
import type { Row, SqlValue, Statement } from '../../store/sql.ts'
import { chainedHash, ChainHeads } from './hash-chain.ts'
import { count, maybeText, text } from './row-readers.ts'
import { ROW_COLUMNS } from './entry-row.ts'

/** The result of verifying the hash chains. */
export interface Verdict {
  /** Number of rows whose hash was checked. */
  readonly rows: number
  readonly payers: number
  /** The first row that is not as it was written; absent when all rows are. */
  readonly broken?: BrokenRow | undefined
}

/** A row that is not as it was written. */
export interface BrokenRow {
  readonly seq: number
  readonly id: string
  readonly ip: string
  readonly context: string | undefined
  readonly reason: string
}

/** The part of a database that verifying needs; a read-only one will do. */
export interface Readable {
  prepare(sql: string): Statement
}

const SLICE = 500

/**
 * Verifies the hash chains of all payers, oldest row first. A row that was changed, added or removed breaks its payer's
 * chain; rows that are missing at the end are noticed if they were part of the last roll-up. Rows from before there were
 * hashes are skipped.
 */
export async function verifyChains(database: Readable): Promise<Verdict> {
  const heads = new ChainHeads()
  heads.load(database.prepare('SELECT ip, context, hash FROM chain_anchors').all())
  const marks = new Map(
    database
      .prepare('SELECT name, value FROM ledger_marks')
      .all()
      .map((row) => [text(row, 'name'), count(row, 'value')]),
  )
  const page = database.prepare(
    `SELECT seq, hash, ${ROW_COLUMNS.join(', ')} FROM request_logs WHERE seq > ? ORDER BY seq LIMIT ${SLICE}`,
  )
  const rolledUp = new Map(
    database
      .prepare('SELECT ip, context, seq, hash FROM chain_heads ORDER BY seq')
      .all()
      .map((row) => [count(row, 'seq'), row]),
  )
  const payers = new Set<string>()
  let rows = 0
  let from = marks.get('chained') ?? 0
  for (;;) {
    const slice = page.all(from)
    for (const row of slice) {
      const broken = brokenIn(row, heads)
      if (broken !== undefined) return { rows, payers: payers.size, broken }
      payers.add(`${text(row, 'ip')} ${maybeText(row, 'context') ?? ''}`)
      rolledUp.delete(count(row, 'seq'))
      rows++
    }
    from = lastSeq(slice) ?? from
    if (slice.length < SLICE) break
    await new Promise(setImmediate)
  }
  const missing = [...rolledUp.values()].find(
    (row) => count(row, 'seq') > (marks.get('cleared') ?? 0) && row['hash'] !== null,
  )
  return { rows, payers: payers.size, ...(missing === undefined ? {} : { broken: missingRow(missing) }) }
}

/** Verifies the hash chains of a `requests.db` whose broker may be running or not. Throws `not-found`. */
export async function verifyFile(path: string): Promise<Verdict> {
  using database = openReadOnly(path)
  return await verifyChains(database)
}

/**
 * Checks a row against its payer's chain and continues the chain with it; returns what is wrong with the row, if anything.
 */
function brokenIn(row: Row, heads: ChainHeads): BrokenRow | undefined {
  const caller: Caller = { ip: text(row, 'ip'), context: maybeText(row, 'context') }
  const values = ROW_COLUMNS.map((column): SqlValue => row[column] ?? null)
  const expected = chainedHash(heads.of(caller), values)
  const found = maybeText(row, 'hash')
  if (found === undefined) return brokenRow(row, 'it has no hash')
  if (found !== expected)
    return brokenRow(row, 'it was changed, or a row of its payer before it was added or removed')
  heads.set(caller, found)
  return undefined
}

function brokenRow(row: Row, reason: string): BrokenRow {
  return {
    seq: count(row, 'seq'),
    id: text(row, 'id'),
    ip: text(row, 'ip'),
    context: maybeText(row, 'context'),
    reason,
  }
}

/** The report for a payer whose last row at the last roll-up is missing. */
function missingRow(head: Row): BrokenRow {
  const context = text(head, 'context')
  return {
    seq: count(head, 'seq'),
    id: '',
    ip: text(head, 'ip'),
    context: context === '' ? undefined : context,
    reason: 'it was there at the last roll-up and is missing now',
  }
}

function lastSeq(rows: readonly Row[]): number | undefined {
  const last = rows.at(-1)
  return last === undefined ? undefined : count(last, 'seq')
}
