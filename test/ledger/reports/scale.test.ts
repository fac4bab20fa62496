// How long reports take with many rows: `REPORT_ROWS=1000000 npx vitest run test/ledger/reports/scale.test.ts` prints the figures.
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { bucketEdges } from '../../../src/base/calendar/time-zone.ts'
import { money } from '../../../src/base/money.ts'
import type { ReportKinds, RequestFilter } from '../../../src/ledger/reports/report-types.ts'
import { ledgerWithReports, SEEDED_FROM, SEEDED_UNTIL, type LedgerWithReports } from './seed-ledger.ts'

const ROWS = Number(process.env['REPORT_ROWS'] ?? 50_000)
const LIMIT_MS = 300

/** A month of requests by 600 callers, some much busier than others, of two models each, written without the ledger, which would take minutes. */
async function fill(here: LedgerWithReports): Promise<void> {
  await here.ledger.whenWritten()
  const path = join(here.folder, 'requests.db')
  using database = new DatabaseSync(path, { timeout: 20_000 })
  database.exec(`
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
    INSERT INTO request_logs (id, ip, context, token, kind, model, streamed, started_at, started_at_ms, endpoint, provider,
      status, attempts, attempts_detail, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cache_write_tokens,
      audio_prompt_tokens, audio_completion_tokens, cost_nano,
      uncertain_nano, unpriced, cost_source, count_source, first_token_ms, duration_ms, error)
    SELECT 'gen-' || i, '10.0.' || (c % 20) || '.' || (c % 7),
      CASE c % 3 WHEN 0 THEN 'lab' || (c % 6) END, CASE c % 5 WHEN 0 THEN 'tok-' || (c % 70) END,
      'chat', 'model ' || ((c + i % 2) % 40), i % 2,
      ${SEEDED_FROM} + i * ${SEEDED_UNTIL - SEEDED_FROM} / ${ROWS + 1},
      (${SEEDED_FROM} + i * ${SEEDED_UNTIL - SEEDED_FROM} / ${ROWS + 1}) * 1000, 'p/m', 'provider ' || (c % 6),
      CASE i % 50 WHEN 0 THEN 'failed' ELSE 'finished' END, 1, '[]', i % 2000, i % 700, i % 100, 0, 0, 0, 0, (i * 7919) % 9000003,
      0, 0, 'price', 'reported', i % 1500, 200 + i % 9000, CASE i % 50 WHEN 0 THEN 'refused by the provider' END
    FROM (SELECT i, (i * 7919 % 600) * (i * 104729 % 601) / 600 AS c FROM n)`)
}

const month: RequestFilter = { since: SEEDED_FROM, until: SEEDED_UNTIL }
const daysOf = (timeZone: string): readonly number[] =>
  bucketEdges({ since: SEEDED_FROM, until: SEEDED_UNTIL, bucket: 'day', timeZone }, 100) ?? []
const days = daysOf('Europe/Brussels')

type Question = { [K in keyof ReportKinds]: readonly [K, ReportKinds[K]['query']] }[keyof ReportKinds]

const common = { filter: month, scope: undefined } as const
const groups = { ...common, order: 'cost', limit: 50, edges: [] } as const
const QUESTIONS: Readonly<Record<string, Question>> = {
  'the newest page': ['page', { ...common, limit: 50 }],
  'a page in the middle': ['page', { ...common, limit: 200, before: [SEEDED_FROM + 15 * 86_400, 0] }],
  'a page of failures of one caller': [
    'page',
    { ...common, filter: { ...month, statuses: ['failed'], addresses: ['10.0.3.1'] }, limit: 50 },
  ],
  'a page of the dearest': [
    'page',
    { ...common, filter: { ...month, costAtLeast: money(9_000_000n) }, limit: 50 },
  ],
  'a page of nothing': ['page', { ...common, filter: { ...month, models: ['none'] }, limit: 50 }],
  'totals of all': ['totals', common],
  'totals of an unaligned month': [
    'totals',
    { ...common, filter: { since: SEEDED_FROM + 77, until: SEEDED_UNTIL - 77 } },
  ],
  'totals of one token': ['totals', { ...common, filter: { ...month, tokens: ['tok-3'] } }],
  'totals of one caller': ['totals', { ...common, scope: { ip: '10.0.3.1', context: undefined } }],
  'by model': ['groups', { ...groups, by: ['model'] }],
  'by address and context': ['groups', { ...groups, by: ['address', 'context'] }],
  'by model and day': ['groups', { ...groups, by: ['model'], edges: days, limit: 6 }],
  'by model and day of Tokyo': [
    'groups',
    { ...groups, by: ['model'], edges: daysOf('Asia/Tokyo'), limit: 6 },
  ],
  'by model and day of Auckland': [
    'groups',
    { ...groups, by: ['model'], edges: daysOf('Pacific/Auckland'), limit: 6 },
  ],
  'by day': ['groups', { ...groups, by: [], edges: days }],
}

// CPU time, because this machine may have other things to do.
test(`reports on ${ROWS} rows take less than ${LIMIT_MS} ms of CPU each, and add up to the rows`, async () => {
  await using here = ledgerWithReports()
  await fill(here)
  const startedAt = process.cpuUsage()
  const first = await here.reports.run('totals', { filter: {}, scope: undefined })
  console.log(`adding ${ROWS} rows up: ${Math.round(process.cpuUsage(startedAt).user / 1000)} ms of CPU`)
  expect(first.totals).toMatchObject({ requests: ROWS, cost: (await here.ledger.summary()).cost })
  const tooSlow: string[] = []
  for (const [name, [kind, query]] of Object.entries(QUESTIONS)) {
    const times: number[] = []
    for (let run = 0; run < 3; run++) {
      const start = process.cpuUsage()
      await here.reports.run(kind, query)
      const { user, system } = process.cpuUsage(start)
      times.push((user + system) / 1000)
    }
    const best = Math.min(...times)
    console.log(`${name}: ${times.map((ms) => Math.round(ms)).join(', ')} ms of CPU`)
    if (best > LIMIT_MS) tooSlow.push(name)
  }
  expect(tooSlow).toEqual([])
}, 900_000)
