import { openDerived, type DerivedStore } from '../../store/derived.ts'
import type { Row, Statement } from '../../store/sql.ts'

/** Rows that are added up in one transaction: a longer one would delay checkpoints of the ledger. */
const SLICE = 50_000

/** Seconds of a quarter of an hour: the offsets of all time zones in use are multiples of it. */
export const QUARTER_S = 900
/** An eighth of a day of UTC: few of them reach from midnight to where a day of any zone begins. */
export const EIGHTH_S = 10_800
/** Days of UTC. */
export const DAY_S = 86_400

/** Latencies are counted in buckets that grow by a tenth, so that a percentile is right to 5 %. */
export const LATENCY_GROWTH = 1.1

const VERSION = 2

const TABLES = `
CREATE TABLE series (
  id INTEGER PRIMARY KEY, ip TEXT, context TEXT, token TEXT, kind TEXT, asked TEXT, model TEXT, provider TEXT, status TEXT,
  app TEXT, streamed INTEGER, UNIQUE (ip, context, token, kind, asked, model, provider, status, app, streamed)
);
CREATE TABLE quarters (
  quarter INTEGER, series INTEGER, requests INTEGER, failed INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER,
  cached_tokens INTEGER, reasoning_tokens INTEGER, cost_nano INTEGER, uncertain_nano INTEGER, unpriced INTEGER,
  PRIMARY KEY (quarter, series)
) WITHOUT ROWID;
CREATE TABLE eighths (
  eighth INTEGER, series INTEGER, requests INTEGER, failed INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER,
  cached_tokens INTEGER, reasoning_tokens INTEGER, cost_nano INTEGER, uncertain_nano INTEGER, unpriced INTEGER,
  PRIMARY KEY (eighth, series)
) WITHOUT ROWID;
CREATE TABLE days (
  day INTEGER, series INTEGER, requests INTEGER, failed INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER,
  cached_tokens INTEGER, reasoning_tokens INTEGER, cost_nano INTEGER, uncertain_nano INTEGER, unpriced INTEGER,
  PRIMARY KEY (day, series)
) WITHOUT ROWID;
CREATE TABLE latencies (
  series INTEGER, day INTEGER, bucket INTEGER, first_tokens INTEGER, durations INTEGER,
  PRIMARY KEY (series, day, bucket)
) WITHOUT ROWID;
CREATE TABLE marks (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
`

/** The columns of `series`, and what each is in a row of `request_logs`. */
export const SERIES_COLUMNS = {
  ip: 'ip',
  context: "ifnull(context, '')",
  token: "ifnull(token, '')",
  kind: 'kind',
  asked: 'model',
  model: 'ifnull(answered_model, model)',
  provider: "ifnull(provider, '')",
  status: 'status',
  app: "ifnull(title, '')",
  streamed: 'streamed',
} as const

export type SeriesColumn = keyof typeof SERIES_COLUMNS

const NAMES = Object.keys(SERIES_COLUMNS).join(', ')
const IN_ROWS = Object.entries(SERIES_COLUMNS)
const SAME_SERIES = IN_ROWS.map(([name]) => `s.${name} = r_${name}`).join(' AND ')
const ROW_NAMES = IN_ROWS.map(([name, sql]) => `${sql} AS r_${name}`).join(', ')

export const SUM_COLUMNS = [
  'requests',
  'failed',
  'prompt_tokens',
  'completion_tokens',
  'cached_tokens',
  'reasoning_tokens',
  'cost_nano',
  'uncertain_nano',
  'unpriced',
] as const

/** SQL that adds up rows of `request_logs` into the columns of `quarters`. */
export const ROW_SUMS = `
  count(*) FILTER (WHERE adjusts IS NULL) AS requests,
  count(*) FILTER (WHERE adjusts IS NULL AND status <> 'finished') AS failed,
  ifnull(sum(prompt_tokens), 0) AS prompt_tokens, ifnull(sum(completion_tokens), 0) AS completion_tokens,
  ifnull(sum(cached_tokens), 0) AS cached_tokens, ifnull(sum(reasoning_tokens), 0) AS reasoning_tokens,
  ifnull(sum(cost_nano), 0) AS cost_nano, ifnull(sum(uncertain_nano), 0) AS uncertain_nano,
  ifnull(sum(unpriced), 0) AS unpriced`

const ADD_SERIES = `
  INSERT OR IGNORE INTO series (${NAMES})
  SELECT DISTINCT ${IN_ROWS.map(([, sql]) => sql).join(', ')} FROM source.request_logs WHERE seq > ?1 AND seq <= ?2`

/** The tables of totals. */
export type RollUp = 'quarters' | 'eighths' | 'days'

/** Adds rows to a table of totals. */
function addSums(table: RollUp, seconds: number): string {
  return `
  INSERT INTO ${table}
  SELECT r.period, s.id, ${SUM_COLUMNS.map((name) => `r.${name}`).join(', ')} FROM (
    SELECT started_at / ${seconds} AS period, ${ROW_NAMES}, ${ROW_SUMS}
    FROM source.request_logs WHERE seq > ?1 AND seq <= ?2 GROUP BY ${range(IN_ROWS.length + 1)}
  ) r JOIN series s ON ${SAME_SERIES} WHERE true
  ON CONFLICT DO UPDATE SET ${SUM_COLUMNS.map((name) => `${name} = ${name} + excluded.${name}`).join(', ')}`
}

/** The number of the series that stands for all of them in `latencies`. */
export const ALL_SERIES = 0

/** @param counts the columns for first tokens and durations. */
function addLatencies(measured: string, counts: string): string[] {
  const bucket = `CAST(ln(max(${measured}, 1)) / ln(${LATENCY_GROWTH}) AS INTEGER) AS bucket`
  const rows = `FROM source.request_logs WHERE seq > ?1 AND seq <= ?2 AND ${measured} IS NOT NULL AND adjusts IS NULL`
  const add = `ON CONFLICT DO UPDATE SET
    first_tokens = first_tokens + excluded.first_tokens, durations = durations + excluded.durations`
  return [
    `INSERT INTO latencies
     SELECT s.id, r.day, r.bucket, ${counts} FROM (
       SELECT started_at / ${DAY_S} AS day, ${ROW_NAMES}, ${bucket}, count(*) AS n ${rows}
       GROUP BY ${range(IN_ROWS.length + 2)}
     ) r JOIN series s ON ${SAME_SERIES} WHERE true ${add}`,
    `INSERT INTO latencies
     SELECT ${ALL_SERIES}, r.day, r.bucket, ${counts} FROM (
       SELECT started_at / ${DAY_S} AS day, ${bucket}, count(*) AS n ${rows} GROUP BY 1, 2
     ) r WHERE true ${add}`,
  ]
}

const ADD_CLEARED_SERIES = `
  INSERT OR IGNORE INTO series (${NAMES})
  SELECT DISTINCT ip, context, token, '', model, model, '', '', '', 0 FROM source.cleared_days`

/** @param period the number of the first quarter or eighth of a day, or of the day. */
const addCleared = (table: RollUp, period: string): string => `
  INSERT INTO ${table}
  SELECT ${period}, s.id, d.requests, 0, d.prompt_tokens, d.completion_tokens, d.cached_tokens,
    d.reasoning_tokens, d.cost_nano, d.uncertain_nano, d.unpriced
  FROM source.cleared_days d JOIN series s ON s.ip = d.ip AND s.context = d.context AND s.token = d.token
    AND s.kind = '' AND s.asked = d.model AND s.model = d.model AND s.provider = '' AND s.status = '' AND s.app = ''
    AND s.streamed = 0`

function range(length: number): string {
  return Array.from({ length }, (_, at) => at + 1).join(', ')
}

/**
 * Requests added up per quarter of an hour and series (caller, model, provider, …) in a file of its own. It belongs to one thread,
 * which adds new rows of the ledger before each report; the broker that writes the ledger does no work for it.
 */
export class ReportTables {
  readonly store: DerivedStore
  readonly #statements = new Map<string, Statement>()

  constructor(path: string, sourcePath: string) {
    this.store = openDerived(path, { sourcePath, version: VERSION, tables: TABLES })
  }

  /** A statement that is prepared once. */
  sql(text: string): Statement {
    let statement = this.#statements.get(text)
    if (statement === undefined) {
      statement = this.store.prepare(text)
      this.#statements.set(text, statement)
    }
    return statement
  }

  /** Adds all rows that the ledger has committed. Returns the number of the last one. */
  catchUp(): number {
    const last = this.#number('SELECT ifnull(max(seq), 0) AS value FROM source.request_logs')
    if (!this.#isContinued()) this.#startAnew()
    for (let from = this.upTo(); from < last; from = Math.min(from + SLICE, last))
      this.#add(from, Math.min(from + SLICE, last))
    return last
  }

  upTo(): number {
    return this.#mark('seq')
  }

  /** Unix seconds; before it only totals per day of UTC are known. */
  exactFrom(): number {
    return this.#mark('exact_from')
  }

  /** False for an empty file, when the last row that was added is another one now, or when rows were deleted unseen. */
  #isContinued(): boolean {
    const id = this.sql("SELECT value FROM marks WHERE name = 'id'").get()?.['value']
    if (id === undefined) return false
    if (id === '') return this.#sourceMark('cleared') === this.upTo()
    const found = this.sql('SELECT id FROM source.request_logs WHERE seq = ?').get(this.upTo())?.['id']
    return found === id || (found === undefined && this.#sourceMark('cleared') === this.upTo())
  }

  #startAnew(): void {
    this.store.transaction(() => {
      this.store.exec(
        'DELETE FROM series; DELETE FROM quarters; DELETE FROM eighths; DELETE FROM days; DELETE FROM latencies; DELETE FROM marks',
      )
      this.sql(ADD_CLEARED_SERIES).run()
      this.sql(addCleared('quarters', `d.day * ${DAY_S / QUARTER_S}`)).run()
      this.sql(addCleared('eighths', `d.day * ${DAY_S / EIGHTH_S}`)).run()
      this.sql(addCleared('days', 'd.day')).run()
      const cleared = this.#sourceMark('cleared')
      this.#setMark('exact_from', cleared === 0 ? 0 : this.#sourceMark('cleared_day') * DAY_S)
      this.#setMark('seq', cleared)
      this.#setMark('id', '')
    })
  }

  #add(from: number, to: number): void {
    this.store.transaction(() => {
      for (const sql of [
        ADD_SERIES,
        addSums('quarters', QUARTER_S),
        addSums('eighths', EIGHTH_S),
        addSums('days', DAY_S),
        ...addLatencies('first_token_ms', 'r.n, 0'),
        ...addLatencies('duration_ms', '0, r.n'),
      ])
        this.sql(sql).run(from, to)
      const last = this.sql(
        'SELECT seq, id FROM source.request_logs WHERE seq > ? AND seq <= ? ORDER BY seq DESC LIMIT 1',
      ).get(from, to)
      this.#setMark('seq', to)
      if (last !== undefined) this.#setMark('id', String(last['id']))
    })
  }

  #mark(name: string): number {
    return Number(this.sql('SELECT value FROM marks WHERE name = ?').get(name)?.['value'] ?? 0)
  }

  #setMark(name: string, value: number | string): void {
    this.sql('INSERT OR REPLACE INTO marks VALUES (?, ?)').run(name, value)
  }

  #sourceMark(name: string): number {
    return this.#number(`SELECT value FROM source.ledger_marks WHERE name = '${name}'`)
  }

  #number(sql: string): number {
    const row: Row | undefined = this.sql(sql).get()
    return Number(row?.['value'] ?? 0)
  }
}
