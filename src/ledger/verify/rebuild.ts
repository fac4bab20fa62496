import type { Rewriting } from '../../store/damage/salvage.ts'
import type { Row, SqlValue } from '../../store/sql.ts'
import { NO_HASH, RowHasher } from '../entries/hash-chain.ts'
import { ROW_COLUMNS } from '../entries/entry-row.ts'
import { count, maybeText, text } from '../entries/row-readers.ts'
import { ClearedDays, SUMS_BY_DAY } from '../usage/cleared-days.ts'
import { ADDED, DAY_COLUMNS, DAY_KEY } from '../usage/usage-sums.ts'

/**
 * Makes a whole ledger of what is left of one: the rows get new numbers and hashes, and the totals are added up again. Where
 * rows are lost and their totals are not, the totals are kept like those of rows that were cleared away, so that bills and
 * budgets stay right.
 */
export function rebuildLedger(database: Rewriting, { hasLostRows }: { hasLostRows: boolean }): void {
  const marks = new Map(
    database
      .prepare('SELECT name, value FROM ledger_marks')
      .all()
      .map((row) => [text(row, 'name'), count(row, 'value')]),
  )
  const firstSeq = count(
    database.prepare('SELECT ifnull(min(seq), 0) AS n FROM request_logs').get() ?? {},
    'n',
  )
  const cleared = firstSeq === 0 ? 0 : (marks.get('cleared') ?? firstSeq - 1)
  // The mark may be damaged itself; totals that are taken for older than they are would count twice.
  const lastHead = count(
    database.prepare('SELECT ifnull(max(seq), 0) AS n FROM chain_heads').get() ?? {},
    'n',
  )
  if (hasLostRows) keepTotals(database, Math.max(marks.get('rolled_up') ?? 0, lastHead))
  database.exec(`DELETE FROM chain_anchors WHERE seq > ${cleared}`)
  const last = rewriteRows(database, cleared)
  database.exec(`
    DELETE FROM usage_days;
    INSERT INTO usage_days SELECT * FROM cleared_days;
    DELETE FROM chain_heads;
    INSERT INTO chain_heads SELECT * FROM chain_anchors;
    INSERT INTO chain_heads
      SELECT ip, ifnull(context, ''), max(seq), hash FROM request_logs WHERE true GROUP BY ip, context
      ON CONFLICT DO UPDATE SET seq = excluded.seq, hash = excluded.hash;
    INSERT OR REPLACE INTO ledger_marks VALUES ('rolled_up', ${last}), ('cleared', ${cleared}), ('chained', ${cleared}),
      ('cleared_day', ${marks.get('cleared_day') ?? 0})`)
  addTo(database, 'usage_days', database.prepare(SUMS_BY_DAY).all(0, last))
  new ClearedDays(database).seal()
}

/** Moves what the old totals have beyond the rows that are left to the totals of cleared rows. */
function keepTotals(database: Rewriting, rolledUp: number): void {
  const known = new Map<string, bigint[]>()
  const add = (values: readonly SqlValue[]): void => {
    const key = JSON.stringify(values.slice(0, DAY_KEY.length).map(String))
    const own = known.get(key) ?? ADDED.map(() => 0n)
    known.set(
      key,
      own.map((sum, at) => sum + (values[DAY_KEY.length + at] as bigint)),
    )
  }
  for (const row of database.prepare(SUMS_BY_DAY).all(0, rolledUp)) add(Object.values(row))
  for (const row of database.prepare('SELECT * FROM cleared_days').all()) add(Object.values(row))
  const lost: Row[] = []
  for (const row of database.prepare('SELECT * FROM usage_days').all()) {
    const own = known.get(JSON.stringify(DAY_KEY.map((name) => String(row[name])))) ?? ADDED.map(() => 0n)
    const beyond = ADDED.map((name, at) => (row[name] as bigint) - (own[at] ?? 0n))
    const [requests = 0n] = beyond
    if (requests <= 0n) continue
    lost.push({ ...row, ...Object.fromEntries(ADDED.map((name, at) => [name, beyond[at] ?? 0n])) })
  }
  addTo(database, 'cleared_days', lost)
}

function addTo(database: Rewriting, table: string, rows: readonly Row[]): void {
  const sums = ADDED.map((name) => `${name} = ${name} + excluded.${name}`).join(', ')
  const put = database.prepare(`
    INSERT INTO ${table} VALUES (${DAY_COLUMNS.map(() => '?').join(', ')}) ON CONFLICT DO UPDATE SET ${sums},
      first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen)`)
  for (const row of rows) put.run(...Object.values(row))
}

/** Numbers and hashes all rows anew; returns the last number. */
function rewriteRows(database: Rewriting, cleared: number): number {
  const columns = ROW_COLUMNS.join(', ')
  database.exec(
    'CREATE TEMP TABLE old_rows AS SELECT * FROM request_logs ORDER BY seq; DELETE FROM request_logs',
  )
  const hasher = new RowHasher()
  const heads = new Map<string, string>()
  for (const row of database.prepare('SELECT ip, context, hash FROM chain_anchors').all())
    heads.set(`${text(row, 'ip')} ${text(row, 'context')}`, maybeText(row, 'hash') ?? NO_HASH)
  const insert = database.prepare(
    `INSERT INTO request_logs (seq, hash, ${columns}) VALUES (?, ?, ${ROW_COLUMNS.map(() => '?').join(', ')})`,
  )
  let seq = cleared
  for (const row of database.prepare(`SELECT ${columns} FROM old_rows ORDER BY seq`).iterate()) {
    const values = ROW_COLUMNS.map((name): SqlValue => row[name] ?? null)
    const payer = `${text(row, 'ip')} ${maybeText(row, 'context') ?? ''}`
    const own = hasher.hash(heads.get(payer) ?? NO_HASH, values)
    insert.run(++seq, own, ...values)
    heads.set(payer, own)
  }
  database.exec('DROP TABLE old_rows')
  return seq
}
