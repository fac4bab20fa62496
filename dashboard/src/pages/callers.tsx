import { Link } from '@tanstack/react-router'
import { useCall, useFilter } from '../broker.ts'
import { countText, percentText, usdCell } from '../format.ts'
import { Loading, Name, Table, Time } from '../parts.tsx'
import { PageHead } from '../shell.tsx'
import { t } from '../strings.ts'
import { Empty } from './empty.tsx'

/** Who uses the broker: addresses, the most expensive first. */
export function Callers() {
  const { filter, search } = useFilter()
  const query = useCall('usage.query', { filter, group_by: ['address', 'context'], limit: 200 })
  return (
    <>
      <PageHead title={t.pages.callers} hasRange />
      <Loading query={query}>
        {({ groups }) =>
          groups.length === 0 ? (
            <Empty isFiltered={filter.since !== undefined} />
          ) : (
            <Table
              label={t.pages.callers}
              rows={groups}
              keyOf={({ names }) => JSON.stringify(names)}
              columns={[
                {
                  name: t.columns.address,
                  cell: ({ names }) => (
                    <Link
                      to="/requests"
                      search={{ ...search, address: [names.address ?? ''], context: [names.context ?? ''] }}
                    >
                      <Name text={names.address} />
                    </Link>
                  ),
                },
                { name: t.columns.context, cell: ({ names }) => <Name text={names.context} /> },
                {
                  name: t.columns.requests,
                  isNumber: true,
                  cell: ({ totals }) => countText(totals.requests),
                },
                {
                  name: t.columns.failed,
                  isNumber: true,
                  isExtra: true,
                  cell: ({ totals }) => percentText(totals.failed, totals.requests),
                },
                {
                  name: t.columns.tokensAll,
                  isNumber: true,
                  isExtra: true,
                  cell: ({ totals }) => countText(totals.total_tokens),
                },
                { name: t.columns.cost, isNumber: true, cell: ({ totals }) => usdCell(totals.cost_usd) },
              ]}
            />
          )
        }
      </Loading>
    </>
  )
}

export function Contexts() {
  const query = useCall('contexts.list', {})
  const { zone } = useFilter()
  return (
    <>
      <PageHead title={t.pages.contexts} />
      <Loading query={query}>
        {(contexts) =>
          contexts.length === 0 ? (
            <p className="state empty">{t.contexts.none}</p>
          ) : (
            <Table
              label={t.pages.contexts}
              rows={contexts}
              keyOf={({ context }) => context}
              columns={[
                {
                  name: t.columns.context,
                  cell: ({ context }) => (
                    <Link to="/requests" search={{ context: [context], range: 'all' }}>
                      <Name text={context} />
                    </Link>
                  ),
                },
                { name: t.columns.requests, isNumber: true, cell: ({ requests }) => countText(requests) },
                { name: t.columns.cost, isNumber: true, cell: ({ cost_usd: usd }) => usdCell(usd) },
                {
                  name: t.columns.pin,
                  isExtra: true,
                  cell: ({ pin }) => (
                    <Name
                      text={
                        pin === undefined
                          ? ''
                          : pin.local_only === true
                            ? t.contexts.local
                            : [...(pin.providers ?? []), ...(pin.models ?? [])].join(', ')
                      }
                    />
                  ),
                },
                {
                  name: t.columns.lastUsed,
                  isExtra: true,
                  cell: ({ last_used: at }) => (at === undefined ? '—' : <Time ms={at * 1000} zone={zone} />),
                },
              ]}
            />
          )
        }
      </Loading>
    </>
  )
}
