import { lazy, Suspense } from 'react'
import { Link } from '@tanstack/react-router'
import type { Params, Result } from '../../../src/wire/rpc/methods.ts'
import { call } from '../api.ts'
import { useCall, useFilter } from '../broker.ts'
import { countText, dayText, nanoOf, percentText, shortCount, usdCard, usdCell, visible } from '../format.ts'
import { Card, classOf, Loading, Spend, type Totals } from '../parts.tsx'
import type { Search } from '../range.ts'
import { PageHead } from '../shell.tsx'
import { t } from '../strings.ts'
import { Empty } from './empty.tsx'
import { bucketFor } from './overview.tsx'

const Chart = lazy(async () => ({ default: (await import('../chart.tsx')).Chart }))

const FIELDS = ['model', 'provider', 'address', 'context', 'token', 'app', 'kind', 'status'] as const
const METRICS = ['cost_usd', 'requests', 'total_tokens', 'failed'] as const
type Field = (typeof FIELDS)[number]
type Metric = (typeof METRICS)[number]
type Report = Result<'usage.query'>

function valueOf(totals: Totals, metric: Metric): number {
  // Only for the height of a line: exact sums come from the server.
  return metric === 'cost_usd' ? Number(totals.cost_usd) : totals[metric]
}

export function Usage() {
  const { search, filter, zone, set } = useFilter()
  const by: Field = FIELDS.find((field) => field === search.by) ?? 'model'
  const metric: Metric = METRICS.find((name) => name === search.metric) ?? 'cost_usd'
  const bucket = (search.bucket ?? bucketFor(filter)) as NonNullable<Params<'usage.query'>['bucket']>
  const compare = search.compare === 'true' ? periodBefore(filter) : undefined
  const params = { filter, group_by: [by], limit: 50, ...(compare === undefined ? {} : { compare }) }
  const table = useCall('usage.query', params)
  const lines = useCall('usage.query', {
    filter: { since: 0, ...filter },
    group_by: [by],
    bucket,
    time_zone: zone,
    limit: 6,
  })
  const save = async (): Promise<void> => {
    const { csv = '' } = await call('usage.query', { ...params, limit: 200, time_zone: zone, csv: true })
    const link = document.createElement('a')
    link.href = URL.createObjectURL(new Blob([csv], { type: 'text/csv' }))
    link.download = 'usage.csv'
    link.click()
    URL.revokeObjectURL(link.href)
  }
  return (
    <>
      <PageHead title={t.pages.usage} hasRange />
      <div className="row">
        <Choice
          label={t.usage.metric}
          value={metric}
          options={METRICS.map((name) => [name, t.usage.metrics[name]])}
          onChange={(value) => set({ metric: value })}
        />
        <Choice
          label={t.usage.by}
          value={by}
          options={FIELDS.map((name) => [name, t.columns[name]])}
          onChange={(value) => set({ by: value })}
        />
        <Choice
          label={t.usage.bucket}
          value={bucket}
          options={(['15min', 'hour', 'day', 'week', 'month'] as const).map((name) => [
            name,
            t.usage.buckets[name],
          ])}
          onChange={(value) => set({ bucket: value })}
        />
        <label>
          <input
            type="checkbox"
            checked={search.compare === 'true'}
            onChange={({ target }) => set({ compare: target.checked ? 'true' : undefined })}
          />{' '}
          {t.usage.compare}
        </label>
        <button type="button" onClick={() => void save()}>
          {t.usage.csv}
        </button>
      </div>
      <Loading query={table}>
        {(report) =>
          report.totals.requests === 0 ? (
            <Empty isFiltered={filter.since !== undefined} />
          ) : (
            <>
              <div className="cards">
                <Card
                  title={t.overview.spend}
                  value={usdCard(report.totals.cost_usd)}
                  exact={report.totals.cost_usd}
                >
                  <Spend totals={report.totals} />
                </Card>
                <Card title={t.overview.requests} value={countText(report.totals.requests)}>
                  {t.overview.failed(percentText(report.totals.failed, report.totals.requests))}
                </Card>
                <Card title={t.overview.tokens} value={shortCount(report.totals.total_tokens)}>
                  {t.overview.cached(percentText(report.totals.cached_tokens, report.totals.prompt_tokens))}
                </Card>
              </div>
              <section className="panel" aria-label={t.usage.metrics[metric]}>
                <Loading query={lines}>
                  {(data) => <Lines report={data} by={by} metric={metric} zone={zone} />}
                </Loading>
              </section>
              <Groups report={report} by={by} />
              {report.exact_from !== undefined && (
                <p className="faint">{t.usage.exact(dayText(report.exact_from, 'UTC'))}</p>
              )}
            </>
          )
        }
      </Loading>
    </>
  )
}

function Lines({ report, by, metric, zone }: { report: Report; by: Field; metric: Metric; zone: string }) {
  const { set } = useFilter()
  const named = report.groups.map(({ names, series }) => ({
    label: visible(names[by] ?? '') || t.usage.unnamed,
    values: series.map((totals) => valueOf(totals, metric)),
  }))
  const other = {
    label: t.overview.other,
    values: report.other.series.map((totals) => valueOf(totals, metric)),
  }
  return (
    <Suspense fallback={<div className="plot" />}>
      <Chart
        name={t.usage.metrics[metric]}
        zone={zone}
        times={report.buckets.map(({ from }) => from)}
        series={report.others > 0 ? [...named, other] : named}
        format={metric === 'cost_usd' ? (value) => usdCard(value.toFixed(9)) : shortCount}
        onZoom={(since, until) => set({ since: String(since), until: String(until), range: undefined })}
      />
    </Suspense>
  )
}

function Groups({ report, by }: { report: Report; by: Field }) {
  const { search } = useFilter()
  const all = nanoOf(report.totals.cost_usd)
  const cells = (totals: Totals, previous: Totals | undefined) => (
    <>
      <td className="number">{countText(totals.requests)}</td>
      <td className={classOf(true, true)}>{countText(totals.failed)}</td>
      <td className={classOf(true, true)}>{countText(totals.total_tokens)}</td>
      <td className="number" data-exact={totals.cost_usd}>
        {usdCell(totals.cost_usd)}{' '}
        {totals.unpriced > 0 && <span className="chip">{t.cost.unpricedCount(totals.unpriced)}</span>}
      </td>
      <td className={classOf(true, true)}>{percentText(Number(nanoOf(totals.cost_usd)), Number(all))}</td>
      {report.previous !== undefined && (
        <td className="number">{previous === undefined ? '—' : usdCell(previous.cost_usd)}</td>
      )}
    </>
  )
  return (
    <div className="scroll" role="region" aria-label={t.usage.table} tabIndex={0}>
      <table>
        <caption className="hidden">{t.usage.table}</caption>
        <thead>
          <tr>
            <th scope="col">{t.columns[by]}</th>
            <th scope="col" className="number">
              {t.columns.requests}
            </th>
            <th scope="col" className={classOf(true, true)}>
              {t.columns.failed}
            </th>
            <th scope="col" className={classOf(true, true)}>
              {t.columns.tokensAll}
            </th>
            <th scope="col" className="number">
              {t.columns.cost}
            </th>
            <th scope="col" className={classOf(true, true)}>
              {t.columns.share}
            </th>
            {report.previous !== undefined && (
              <th scope="col" className="number">
                {t.usage.compare}
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {report.groups.map(({ names, totals, previous }) => (
            <tr key={names[by]}>
              <td>
                <Link to="/requests" search={{ ...kept(search), [by]: [names[by] ?? ''] }}>
                  <span className="name">{visible(names[by] ?? '') || t.usage.unnamed}</span>
                </Link>
              </td>
              {cells(totals, previous)}
            </tr>
          ))}
          {report.others > 0 && (
            <tr>
              <td>{t.usage.others(report.others)}</td>
              {cells(report.other.totals, undefined)}
            </tr>
          )}
        </tbody>
        <tfoot>
          <tr>
            <td>{t.usage.total}</td>
            {cells(report.totals, report.previous)}
          </tr>
        </tfoot>
      </table>
    </div>
  )
}

function kept({ range, since, until, zone }: Search): Search {
  return { range, since, until, zone }
}

function periodBefore({ since, until = Math.floor(Date.now() / 1000) }: { since?: number; until?: number }) {
  return since === undefined ? undefined : { since: Math.max(0, 2 * since - until), until: since }
}

export function Choice({
  label,
  value,
  options,
  onChange,
}: {
  label: string
  value: string
  options: readonly (readonly [string, string])[]
  onChange: (value: string) => void
}) {
  return (
    <label>
      {label}
      <select value={value} onChange={({ target }) => onChange(target.value)}>
        {options.map(([name, text]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </select>
    </label>
  )
}
