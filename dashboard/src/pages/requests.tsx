import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useRef, useState, type FormEvent } from 'react'
import { call } from '../api.ts'
import { useCall, useFilter } from '../broker.ts'
import { countText, durationText, timeText, usdCard, visible } from '../format.ts'
import { Cost, Loading, Spend, Status, tokensText, type Row } from '../parts.tsx'
import { LIST_KEYS, type ListKey } from '../range.ts'
import { PageHead } from '../shell.tsx'
import { t } from '../strings.ts'
import { Empty } from './empty.tsx'

export function Requests() {
  const { filter } = useFilter()
  const totals = useCall('requests.totals', { filter })
  return (
    <>
      <PageHead title={t.pages.requests} hasRange />
      <FilterBar />
      <Loading query={totals}>
        {({ totals: sum, by_status: statuses }) => (
          <p className="row" role="status">
            <strong>{countText(sum.requests)}</strong> {t.pages.requests.toLowerCase()} ·{' '}
            <strong data-exact={sum.cost_usd}>{usdCard(sum.cost_usd)}</strong> {t.cost.known}{' '}
            <Spend totals={sum} />
            {Object.entries(statuses).map(([name, count]) => (
              <span key={name}>
                · {countText(count)} <Status status={name as Row['status']} />
              </span>
            ))}
          </p>
        )}
      </Loading>
      <List />
    </>
  )
}

const PAGE = 200
/** Loaded rows are a window on the ledger: further ones are reached by the range. */
const MAX_PAGES = 10

type Listed = Row | (Omit<Row, 'status'> & { status: 'open' })

const OPEN = {
  status: 'open',
  attempts: 0,
  certainty: 'unpriced',
  cost_source: 'none',
  count_source: 'none',
} as const

function List() {
  const { filter, search } = useFilter()
  const list = useInfiniteQuery({
    queryKey: ['requests.list', filter],
    queryFn: ({ pageParam, signal }) =>
      call(
        'requests.list',
        { filter, limit: PAGE, ...(pageParam === '' ? {} : { cursor: pageParam }) },
        signal,
      ),
    initialPageParam: '',
    getNextPageParam: ({ next }, pages) => (pages.length < MAX_PAGES ? next : undefined),
    placeholderData: (before) => before,
  })
  return (
    <Loading query={list}>
      {({ pages }) => {
        const open = (pages[0]?.open ?? []).map((row): Listed => ({ ...row, ...OPEN }))
        const rows = [...open, ...pages.flatMap((page): Listed[] => page.rows)]
        if (rows.length === 0) return <Empty isFiltered={Object.keys(filter).length > 0} />
        return (
          <>
            <Rows rows={rows} zone={search.zone} />
            {list.hasNextPage && (
              <div className="row">
                <button
                  type="button"
                  disabled={list.isFetchingNextPage}
                  onClick={() => void list.fetchNextPage()}
                >
                  {t.requests.more}
                </button>
                <span className="faint">{t.requests.shown(countText(rows.length))}</span>
              </div>
            )}
          </>
        )
      }}
    </Loading>
  )
}

const NARROW = '(max-width: 640px)'

function Rows({ rows, zone }: { rows: readonly Listed[]; zone: string | undefined }) {
  const host = useRef<HTMLDivElement>(null)
  const [height] = useState(() => (matchMedia(NARROW).matches ? 56 : 36))
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => host.current,
    estimateSize: () => height,
    overscan: 10,
  })
  const names = [
    t.columns.time,
    t.columns.status,
    t.columns.model,
    t.columns.provider,
    t.columns.caller,
    t.columns.tokens,
    t.columns.first,
    t.columns.duration,
    t.columns.cost,
  ]
  return (
    <div
      ref={host}
      className="log"
      role="table"
      aria-label={t.requests.table}
      aria-rowcount={rows.length + 1}
      tabIndex={0}
    >
      <div role="rowgroup">
        <div className="log-head" role="row" aria-rowindex={1}>
          {names.map((name, at) => (
            <span key={name} role="columnheader" className={at > 4 ? 'number' : ''}>
              {name}
            </span>
          ))}
        </div>
      </div>
      <div className="log-body" role="rowgroup" style={{ height: list.getTotalSize() }}>
        {list.getVirtualItems().map(({ index, start }) => {
          const row = rows[index]
          return row === undefined ? null : (
            <Line key={row.id} row={row} index={index} start={start} zone={zone} />
          )
        })}
      </div>
    </div>
  )
}

function Line({
  row,
  index,
  start,
  zone,
}: {
  row: Listed
  index: number
  start: number
  zone: string | undefined
}) {
  const answered =
    row.answered_model !== undefined && row.answered_model !== row.model
      ? ` → ${visible(row.answered_model)}`
      : ''
  return (
    <div
      className="log-row"
      role="row"
      aria-rowindex={index + 2}
      style={{ transform: `translateY(${start}px)` }}
    >
      <span role="cell" className="l-time">
        <time dateTime={new Date(row.started_at_ms).toISOString()}>
          {timeText(row.started_at_ms, zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone)}
        </time>
      </span>
      <span role="cell" className="l-status">
        <Status status={row.status} />
      </span>
      <span role="cell" className="l-model">
        {row.status === 'open' ? (
          visible(row.model)
        ) : (
          <Link to="/requests/$id" params={{ id: row.id }}>
            {visible(row.model) || t.overview.none}
          </Link>
        )}
        {answered}
      </span>
      <span role="cell" className="wide">
        {visible(row.provider ?? '—')}
      </span>
      <span role="cell" className="wide">
        {visible([row.address, row.context, row.token].filter((part) => part !== undefined).join(' · '))}
      </span>
      <span role="cell" className="wide number">
        {tokensText(row as Row)}
      </span>
      <span role="cell" className="wide number">
        {durationText(row.first_token_ms)}
      </span>
      <span role="cell" className="wide number">
        {durationText(row.duration_ms)}
      </span>
      <span role="cell" className="l-cost number">
        {row.status === 'open' ? '—' : <Cost row={row} />}
      </span>
    </div>
  )
}

const NUMBERS = ['cost', 'duration', 'attempts', 'text'] as const
const STATUSES = ['finished', 'failed', 'broken', 'cancelled', 'exhausted', 'interrupted'] as const

/** Chips of what is filtered, each removable, and a form that adds one. */
function FilterBar() {
  const { search, filter, set } = useFilter()
  const [field, setField] = useState<ListKey | (typeof NUMBERS)[number]>('status')
  const [value, setValue] = useState('')
  const isList = LIST_KEYS.includes(field as ListKey)
  const group = field === 'status' || !isList ? undefined : (field as Exclude<ListKey, 'status'>)
  const known = useCall(
    'usage.query',
    { filter: { since: filter.since, until: filter.until }, group_by: [group ?? 'model'], limit: 50 },
    group !== undefined,
  )
  const add = (event: FormEvent): void => {
    event.preventDefault()
    if (!isList) set({ [field]: value })
    else
      set({
        [field]: [
          ...new Set([
            ...(search[field as ListKey] ?? []),
            field === 'status' && value === '' ? 'failed' : value,
          ]),
        ],
      })
    setValue('')
  }
  const chips = [
    ...LIST_KEYS.flatMap((key) =>
      (search[key] ?? []).map((item) => ({
        key,
        item,
        rest: (search[key] ?? []).filter((one) => one !== item) as string[] | undefined,
      })),
    ),
    ...NUMBERS.flatMap((key) =>
      search[key] === undefined ? [] : [{ key, item: search[key], rest: undefined as string[] | undefined }],
    ),
  ]
  return (
    <>
      <form className="row" onSubmit={add} aria-label={t.requests.filter}>
        <select
          aria-label={t.requests.field}
          value={field}
          onChange={({ target }) => setField(target.value as ListKey)}
        >
          {LIST_KEYS.map((key) => (
            <option key={key} value={key}>
              {t.columns[key]}
            </option>
          ))}
          {NUMBERS.map((key) => (
            <option key={key} value={key}>
              {t.requests[key]}
            </option>
          ))}
        </select>
        {field === 'status' ? (
          <select
            aria-label={t.requests.value}
            value={value === '' ? 'failed' : value}
            onChange={({ target }) => setValue(target.value)}
          >
            {STATUSES.map((status) => (
              <option key={status} value={status}>
                {t.status[status]}
              </option>
            ))}
          </select>
        ) : (
          <input
            aria-label={t.requests.value}
            list="known-values"
            value={value}
            onChange={({ target }) => setValue(target.value)}
          />
        )}
        <datalist id="known-values">
          {group !== undefined &&
            known.data?.groups.map(({ names }) => <option key={names[group]} value={names[group]} />)}
        </datalist>
        <button>{t.requests.add}</button>
      </form>
      {chips.length > 0 && (
        <div className="chips">
          {chips.map(({ key, item, rest }) => (
            <button
              key={key + item}
              type="button"
              aria-label={t.requests.remove(`${key} ${item}`)}
              onClick={() => set({ [key]: rest?.length === 0 ? undefined : rest })}
            >
              {t.columns[key as 'model'] ?? t.requests[key as 'text']}:{' '}
              {item === '' ? t.overview.none : visible(item)} ✕
            </button>
          ))}
        </div>
      )}
    </>
  )
}
