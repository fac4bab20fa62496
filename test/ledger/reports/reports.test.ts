// What a dashboard shows is what the ledger has, to the nano-dollar, in any time zone and for any filter.
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bucketEdges } from '../../../src/base/calendar/time-zone.ts'
import { money } from '../../../src/base/money.ts'
import type { ReportTotals, RequestFilter } from '../../../src/ledger/reports/report-types.ts'
import {
  bookSeeded,
  ledgerWithReports,
  seed,
  SEEDED_FROM,
  SEEDED_UNTIL,
  seededRequest,
  type LedgerWithReports,
  type SeededRequest,
} from './seed-ledger.ts'
import { finished, request } from '../samples.ts'

const COUNT = 6000

let here: LedgerWithReports
let rows: SeededRequest[]

beforeAll(async () => {
  here = ledgerWithReports()
  rows = await seed(here.ledger, COUNT)
})
afterAll(() => here[Symbol.asyncDispose]())

function expected(of: readonly SeededRequest[]): Partial<ReportTotals> {
  const sum = (value: (row: SeededRequest) => bigint): bigint => of.reduce((all, row) => all + value(row), 0n)
  return {
    requests: of.length,
    failed: of.filter(({ status }) => status !== 'finished').length,
    cost: money(sum(({ cost = 0n }) => cost)),
    uncertain: money(sum(({ costHigh = 0n }) => costHigh)),
    unpriced: of.filter(({ cost, costHigh }) => cost === undefined && costHigh === undefined).length,
    promptTokens: Number(sum(({ at }) => BigInt(at % 1000))),
  }
}

const isWithin =
  ({ since = 0, until = Infinity }: RequestFilter) =>
  ({ at }: SeededRequest) =>
    at >= since && at < until

async function allRows(filter: RequestFilter, limit = 200): Promise<string[]> {
  const ids: string[] = []
  let before: readonly [number, number] | undefined
  for (;;) {
    const page = await here.reports.run('page', { filter, scope: undefined, limit, before })
    ids.push(...page.rows.map(({ id }) => id))
    if (page.next === undefined) return ids
    before = page.next
  }
}

test.each(['UTC', 'Europe/Brussels', 'Asia/Kathmandu', 'Pacific/Auckland', 'Pacific/Honolulu'])(
  'the days of %s over a clock change add up to the ledger’s total, and none holds a part of another',
  async (timeZone) => {
    const filter = { since: SEEDED_FROM, until: SEEDED_UNTIL }
    const edges = bucketEdges({ ...filter, bucket: 'day', timeZone }, 100) ?? []
    const query = { filter, scope: undefined, by: ['model'], edges, order: 'cost', limit: 2 } as const
    const report = await here.reports.run('groups', query)
    const ledger = await here.ledger.summary(filter)
    expect(report.totals).toMatchObject({
      cost: ledger.cost,
      requests: ledger.requests,
      unpriced: ledger.unpriced,
    })
    expect(report.totals).toMatchObject(expected(rows))
    for (const [at, day] of report.series.entries()) {
      const [since, until] = [edges[at] ?? 0, edges[at + 1] ?? 0]
      expect(day).toMatchObject(expected(rows.filter(isWithin({ since, until }))))
    }
    const parts = [...report.groups, report.other]
    expect(parts.reduce((sum, { totals }) => sum + totals.cost, 0n)).toBe(report.totals.cost)
    for (const { totals, series } of parts)
      expect(series.reduce((sum, { cost }) => sum + cost, 0n)).toBe(totals.cost)
  },
)

test('a group of which only hours outside the period are known is not in the report', async () => {
  const edges = bucketEdges(
    { since: SEEDED_FROM, until: SEEDED_UNTIL, bucket: 'day', timeZone: 'Europe/Brussels' },
    100,
  )
  const [since = 0, until = 0] = edges?.slice(3) ?? []
  const filter = { since, until }
  const query = { filter, scope: undefined, by: ['model', 'address'], edges: [], order: 'cost' } as const
  const { groups } = await here.reports.run('groups', { ...query, limit: 10_000 })
  const own = rows.filter(isWithin(filter))
  expect(groups.length).toBeGreaterThan(0)
  for (const { names, totals } of groups)
    expect(totals).toMatchObject(
      expected(own.filter(({ model, ip }) => model === names.model && ip === names.address)),
    )
  expect(groups.every(({ totals }) => totals.requests > 0 || totals.cost !== 0n)).toBe(true)
})

test('a sum by any field is the total, and an empty name has a group of its own', async () => {
  for (const by of ['model', 'provider', 'address', 'context', 'token', 'status', 'app', 'kind'] as const) {
    const query = { filter: {}, scope: undefined, by: [by], edges: [], order: 'cost', limit: 3 } as const
    const { groups, other, totals } = await here.reports.run('groups', query)
    expect([...groups, other].reduce((sum, group) => sum + group.totals.cost, 0n)).toBe(totals.cost)
    expect(totals).toMatchObject(expected(rows))
  }
  const byModel = { filter: {}, scope: undefined, by: ['model'], edges: [], order: 'cost', limit: 9 } as const
  const { groups } = await here.reports.run('groups', byModel)
  const unnamed = groups.find(({ names }) => names.model === '')
  expect(unnamed?.totals).toMatchObject(expected(rows.filter(({ model }) => model === '')))
})

test('for any period and filter the totals are those of the rows', async () => {
  const second = fc.integer({ min: SEEDED_FROM - 1000, max: SEEDED_UNTIL + 1000 })
  await fc.assert(
    fc.asyncProperty(
      second,
      second,
      fc.integer({ min: 0, max: 7 }),
      fc.boolean(),
      async (a, b, ip, byRows) => {
        const filter: RequestFilter = {
          since: Math.min(a, b),
          until: Math.max(a, b),
          addresses: [`10.0.0.${ip}`],
          // This field is not in the roll-up, so that the rows are read; every one has at least one attempt or none.
          ...(byRows ? { attemptsAtLeast: 0 } : {}),
        }
        const report = await here.reports.run('totals', { filter, scope: undefined })
        const own = rows.filter(isWithin(filter)).filter((row) => row.ip === `10.0.0.${ip}`)
        expect(report.totals).toMatchObject(expected(own))
      },
    ),
    { numRuns: 60 },
  )
})

test('every request is on exactly one page, newest first, failed ones among them', async () => {
  const filter: RequestFilter = { tokens: ['tok-0'], statuses: ['failed', 'finished'] }
  const own = rows.filter(({ token, status }) => token === 'tok-0' && ['failed', 'finished'].includes(status))
  const ids = own.map(({ id }) => id).toReversed()
  expect(ids.length).toBeGreaterThan(500)
  expect(await allRows(filter)).toEqual(ids)
  expect(await allRows(filter, 7)).toEqual(ids)
})

test('each filter selects its rows, alone and together with others', async () => {
  const filters: [RequestFilter, (row: SeededRequest) => boolean][] = [
    [{ models: ['a//b%#😀'] }, ({ model }) => model === 'a//b%#😀'],
    [{ models: [''] }, ({ model }) => model === ''],
    [{ contexts: [''] }, ({ context }) => context === undefined],
    [{ costAtLeast: money(900_000n) }, ({ cost = -1n }) => cost >= 900_000n],
    [{ durationMsAtLeast: 900 }, ({ at }) => 100 + (at % 900) >= 900],
    [{ text: 'said no' }, ({ status }) => status === 'failed'],
    [{ flagged: true }, () => false],
    [{ streamed: true }, () => false],
    [{ providers: [''] }, ({ status }) => status === 'failed'],
  ]
  for (const [filter, selects] of filters) {
    const ids = rows.filter(selects).map(({ id }) => id)
    expect((await allRows(filter)).toReversed()).toEqual(ids)
    const { totals } = await here.reports.run('totals', { filter, scope: undefined })
    expect(totals.requests).toBe(ids.length)
  }
})

test('a scope hides every other caller, whatever the filter names', async () => {
  const scope = { ip: '10.0.0.1', context: undefined }
  const filter = { addresses: ['10.0.0.2', '10.0.0.1'], tokens: ['tok-0', ''] }
  const own = rows.filter(
    ({ ip, context, token }) => ip === '10.0.0.1' && context === undefined && token === undefined,
  )
  const { totals } = await here.reports.run('totals', { filter, scope })
  expect(totals).toMatchObject(expected(own))
  const page = await here.reports.run('page', { filter, scope, limit: 200 })
  expect(page.rows.every(({ caller }) => caller.ip === '10.0.0.1' && caller.token === undefined)).toBe(true)
  const other = rows.find(({ ip }) => ip === '10.0.0.2')?.id ?? ''
  expect((await here.reports.run('find', { id: other, scope })).entry).toBeUndefined()
})

test('totals as of an earlier moment do not count what came since, and a correction counts in its request’s period', async () => {
  await using own = ledgerWithReports()
  const first = await seed(own.ledger, 500)
  const before = await own.reports.run('totals', { filter: {}, scope: undefined })
  for (let index = 500; index < 520; index++) await bookSeeded(own.ledger, seededRequest(index, 1000))
  const after = await own.reports.run('totals', { filter: {}, scope: undefined, asOf: before.asOf })
  expect(after.totals).toEqual(before.totals)
  expect((await own.reports.run('totals', { filter: {}, scope: undefined })).totals.requests).toBe(520)

  const priceOf = () => ({ prompt: 1_000n, completion: 0n }) as never
  await own.ledger.reprice({ priceOf, priceVersion: 'v2', now: SEEDED_UNTIL * 1000 })
  const { totals } = await own.reports.run('totals', { filter: {}, scope: undefined })
  expect(totals).toMatchObject({ requests: 520, cost: (await own.ledger.summary()).cost })
  expect(first).toHaveLength(500)
})

test('the corrected cost of a row is that of the ledger, bounds included', async () => {
  await using own = ledgerWithReports()
  const seeded = await seed(own.ledger, 200)
  const hold = await own.ledger.hold(request('gen-counted'))
  const bounds = { costLow: money(10n), costHigh: money(900n), countSource: 'counted' } as const
  await own.ledger.settle(hold, finished(money(100n), bounds))
  const priceOf = () => ({ prompt: 3_000n, completion: 7n }) as never
  await own.ledger.reprice({ priceOf, priceVersion: 'v2', now: SEEDED_UNTIL * 1000 })
  const { rows: listed } = await own.reports.run('page', { filter: {}, scope: undefined, limit: 300 })
  expect(listed).toHaveLength(seeded.length + 1)
  for (const row of listed) {
    const entry = own.ledger.find(row.id)
    const { cost, costLow, costHigh } = entry === undefined ? row : own.ledger.correctedCost(entry)
    expect(row.corrected).toEqual({ cost, costLow, costHigh })
  }
  const counted = listed.find(({ id }) => id === 'gen-counted')
  expect(counted?.corrected.costHigh).toBeGreaterThan(counted?.corrected.cost ?? 0n)
})

test('a damaged row is counted beside the others of its page, and named with the file when it is asked for', async () => {
  await using own = ledgerWithReports()
  await seed(own.ledger, 20)
  const path = join(own.folder, 'requests.db')
  let damagedId = ''
  {
    using database = new DatabaseSync(path, { timeout: 5000 })
    database.exec(
      `DROP TRIGGER request_logs_never_change; UPDATE request_logs SET attempts_detail = '{"x' WHERE seq = 7`,
    )
    damagedId = String(database.prepare('SELECT id FROM request_logs WHERE seq = 7').get()?.['id'])
  }
  const { rows, damaged } = await own.reports.run('page', { filter: {}, scope: undefined, limit: 20 })
  expect([rows.length, damaged]).toEqual([19, 1])
  let next: readonly [number, number] | undefined
  let paged = 0
  do {
    const page = await own.reports.run('page', { filter: {}, scope: undefined, limit: 1, before: next })
    paged += page.rows.length
    next = page.next
  } while (next !== undefined)
  expect(paged).toBe(19)
  const asked = own.reports.run('find', { id: damagedId, scope: undefined })
  await expect(asked).rejects.toThrow(`the database ${path} is damaged (Unterminated string in JSON`)
})

test('deleted rows stay in the totals, and a new file says from when they are exact', async () => {
  await using own = ledgerWithReports()
  await seed(own.ledger, 2000)
  const before = await own.reports.run('totals', { filter: {}, scope: undefined })
  await own.ledger.clear(SEEDED_FROM / 86_400 + 10)
  expect((await own.reports.run('totals', { filter: {}, scope: undefined })).totals).toEqual(before.totals)

  const whenWritten = () => own.ledger.whenWritten()
  const { openReports } = await import('../../../src/ledger/reports/reports.ts')
  await using anew = openReports({ path: `${own.folder}/anew.db`, sourcePath: own.store.path, whenWritten })
  const rebuilt = await anew.run('totals', { filter: {}, scope: undefined })
  expect(rebuilt.totals).toMatchObject({ requests: 2000, cost: before.totals.cost })
  expect(rebuilt.exactFrom).toBe(SEEDED_FROM + 10 * 86_400)
})

test('percentiles are those of the rows', async () => {
  const { duration } = await here.reports.run('totals', { filter: {}, scope: undefined })
  const sorted = rows.map(({ at }) => 100 + (at % 900)).sort((a, b) => a - b)
  expect(duration).toEqual({ p50: sorted[COUNT / 2 - 1], p95: sorted[COUNT * 0.95 - 1] })
})

test('percentiles from the roll-up are within a tenth of those of the rows', async () => {
  await using own = ledgerWithReports()
  const many = await seed(own.ledger, 21_000)
  const { duration } = await own.reports.run('totals', { filter: {}, scope: undefined })
  const sorted = many.map(({ at }) => 100 + (at % 900)).sort((a, b) => a - b)
  const exact = sorted[10_500] ?? 0
  expect(Math.abs((duration.p50 ?? 0) - exact)).toBeLessThan(exact / 10)
  const one = await own.reports.run('totals', { filter: { addresses: ['10.0.0.1'] }, scope: undefined })
  expect(Math.abs((one.duration.p50 ?? 0) - exact)).toBeLessThan(exact / 10)
})
