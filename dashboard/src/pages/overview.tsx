import { Link } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import { useCall, useFilter, useLive } from '../broker.ts'
import { countText, durationText, percentText, shortCount, usdCard, visible } from '../format.ts'
import { Bar, Card, Loading, Spend } from '../parts.tsx'
import type { ListKey } from '../range.ts'
import { PageHead } from '../shell.tsx'
import { t } from '../strings.ts'
import { Empty } from './empty.tsx'

const Chart = lazy(async () => ({ default: (await import('../chart.tsx')).Chart }))

export function Overview() {
  const { filter } = useFilter()
  const totals = useCall('requests.totals', { filter })
  return (
    <>
      <PageHead title={t.pages.overview} hasRange />
      <Loading query={totals}>
        {(report) =>
          report.totals.requests === 0 && filter.since === undefined ? (
            <Empty isFiltered={false} />
          ) : (
            <Figures report={report} />
          )
        }
      </Loading>
    </>
  )
}

type Report = NonNullable<ReturnType<typeof useCall<'requests.totals'>>['data']>

function Figures({ report: { totals, first_token_ms: first, duration_ms: duration } }: { report: Report }) {
  const { state } = useLive()
  return (
    <>
      <div className="cards">
        <Card title={t.overview.spend} value={usdCard(totals.cost_usd)} exact={totals.cost_usd}>
          <Spend totals={totals} />
        </Card>
        <Card title={t.overview.requests} value={countText(totals.requests)}>
          {t.overview.failed(percentText(totals.failed, totals.requests))}
          {state !== undefined && ` · ${t.overview.open(state.open_requests)}`}
        </Card>
        <Card
          title={t.overview.tokens}
          value={shortCount(totals.total_tokens)}
          exact={String(totals.total_tokens)}
        >
          {t.overview.cached(percentText(totals.cached_tokens, totals.prompt_tokens))}
        </Card>
        <Card title={t.overview.first} value={durationText(first.p50)}>
          {t.overview.p95(durationText(first.p95))}
        </Card>
        <Card title={t.overview.duration} value={durationText(duration.p50)}>
          {t.overview.p95(durationText(duration.p95))}
        </Card>
      </div>
      <Traffic />
      <div className="grid">
        <Top title={t.overview.models} by="model" />
        <Top title={t.overview.callers} by="address" />
        <Top title={t.overview.contexts} by="context" />
        <Top title={t.overview.providers} by="provider" />
        <Budgets />
        <Alarms />
      </div>
    </>
  )
}

/** The bucket in which a period has some dozens. */
export function bucketFor({
  since = 0,
  until = Date.now() / 1000,
}: {
  since?: number
  until?: number
}): 'hour' | '15min' | 'day' | 'month' {
  const span = until - since
  if (span <= 26 * 3600) return '15min'
  if (span <= 4 * 86_400) return 'hour'
  return span <= 400 * 86_400 ? 'day' : 'month'
}

function Traffic() {
  const { filter, zone, set } = useFilter()
  const bucketed = { since: 0, ...filter }
  const query = useCall('usage.query', {
    filter: bucketed,
    bucket: bucketFor(filter),
    time_zone: zone,
    limit: 0,
  })
  return (
    <section className="panel">
      <h2>{t.overview.traffic}</h2>
      <Loading query={query}>
        {({ buckets }) => (
          <Suspense fallback={<div className="plot" />}>
            <Chart
              name={t.overview.traffic}
              zone={zone}
              times={buckets.map(({ from }) => from)}
              format={countText}
              onZoom={(since, until) => set({ since: String(since), until: String(until), range: undefined })}
              series={[
                {
                  label: t.status.finished,
                  values: buckets.map(({ totals }) => totals.requests - totals.failed),
                },
                { label: t.columns.failed, values: buckets.map(({ totals }) => totals.failed) },
              ]}
            />
          </Suspense>
        )}
      </Loading>
    </section>
  )
}

const SHOWN = 5

function Top({
  title,
  by,
}: {
  title: string
  by: Extract<ListKey, 'model' | 'address' | 'context' | 'provider'>
}) {
  const { filter, search } = useFilter()
  const query = useCall('usage.query', { filter, group_by: [by], limit: SHOWN })
  return (
    <section className="panel">
      <h2>{title}</h2>
      <Loading query={query}>
        {({ groups, other, others, totals }) => {
          const all = Number(totals.cost_usd)
          const share = (usd: string): number => (all === 0 ? 0 : (Number(usd) * 100) / all)
          return (
            <ul className="top-list">
              {groups.map(({ names, totals: own }) => (
                <li key={names[by]}>
                  <span className="line">
                    <Link to="/requests" search={{ ...search, [by]: [names[by] ?? ''] }}>
                      {names[by] === undefined || names[by] === '' ? t.overview.none : visible(names[by])}
                    </Link>
                    <span data-exact={own.cost_usd}>{usdCard(own.cost_usd)}</span>
                  </span>
                  <Strip percent={share(own.cost_usd)} />
                </li>
              ))}
              {others > 0 && (
                <li>
                  <span className="line">
                    <span>{t.usage.others(others)}</span>
                    <span>{usdCard(other.totals.cost_usd)}</span>
                  </span>
                  <Strip percent={share(other.totals.cost_usd)} />
                </li>
              )}
              {groups.length === 0 && <li className="faint">{t.overview.none}</li>}
            </ul>
          )
        }}
      </Loading>
    </section>
  )
}

function Strip({ percent }: { percent: number }) {
  return (
    <svg className="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <rect className="track" width="100" height="8" />
      <rect className="fill" width={percent} height="8" />
    </svg>
  )
}

function Budgets() {
  const query = useCall('limits.near', {})
  return (
    <section className="panel">
      <h2>{t.overview.budgets}</h2>
      <Loading query={query}>
        {(budgets) =>
          budgets.length === 0 ? (
            <p className="faint">{t.overview.noBudgets}</p>
          ) : (
            <ul className="top-list">
              {budgets.slice(0, SHOWN).map((budget) => (
                <li key={budget.name + budget.period}>
                  <Link to="/limits">{visible(budget.name)}</Link>
                  <Bar percent={budget.used_percent} label={`${budget.used_percent} % · ${budget.period}`} />
                </li>
              ))}
            </ul>
          )
        }
      </Loading>
    </section>
  )
}

function Alarms() {
  const query = useCall('info', {})
  return (
    <section className="panel">
      <h2>{t.overview.alarms}</h2>
      <Loading query={query}>
        {({ warnings }) =>
          warnings.length === 0 ? (
            <p className="faint">{t.overview.noAlarms}</p>
          ) : (
            <ul className="top-list">
              {warnings.map((warning) => (
                <li key={warning}>
                  <span aria-hidden="true">! </span>
                  {visible(warning)}
                </li>
              ))}
            </ul>
          )
        }
      </Loading>
    </section>
  )
}
