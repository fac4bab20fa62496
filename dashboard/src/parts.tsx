import { useMutation } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import type { Result } from '../../src/wire/rpc/methods.ts'
import { call, CallError } from './api.ts'
import { usdCard, usdCell, countText, timeText, visible, ZONE } from './format.ts'
import { t } from './strings.ts'

export type Row = Result<'requests.list'>['rows'][number]
export type Totals = Result<'usage.query'>['totals']

/** What every query gives; the rest of the page stays whatever it says. */
interface Loaded<T> {
  readonly data: T | undefined
  readonly error: Error | null
  readonly refetch: () => unknown
  readonly isFetching?: boolean
}

/** Shows data, or the state that stands for it: loading, an error with a retry, forbidden. */
export function Loading<T>({ query, children }: { query: Loaded<T>; children: (data: T) => ReactNode }) {
  if (query.data !== undefined) return <>{children(query.data)}</>
  if (query.error !== null) return <Failure error={query.error} retry={query.refetch} />
  return (
    <p className="state skeleton" role="status">
      {t.state.loading}
    </p>
  )
}

export function Failure({ error, retry }: { error: Error; retry?: () => unknown }) {
  const code = error instanceof CallError ? error.code : 'error'
  if (code === 'forbidden') return <p className="state">{t.state.forbidden}</p>
  return (
    <div className="state failure" role="alert">
      <p>
        <strong>{t.state.error}</strong> {visible(error.message)} <code>{code}</code>
      </p>
      {retry !== undefined && (
        <button type="button" onClick={() => void retry()}>
          {t.state.retry}
        </button>
      )}
    </div>
  )
}

export function Card({
  title,
  value,
  children,
  exact,
}: {
  title: string
  value: ReactNode
  exact?: string
  children?: ReactNode
}) {
  return (
    <section className="card" aria-label={title}>
      <h2>{title}</h2>
      <p className="figure" title={exact} data-exact={exact}>
        {value}
      </p>
      <p className="sub">{children}</p>
    </section>
  )
}

/** Known, uncertain and unpriced: never one number. */
export function Spend({ totals }: { totals: Totals }) {
  return (
    <>
      {totals.uncertain_usd !== '0' && <span>{t.cost.more(usdCard(totals.uncertain_usd))} </span>}
      {totals.unpriced > 0 && <span className="chip">{t.cost.unpricedCount(totals.unpriced)}</span>}
    </>
  )
}

/** The cost of one request with the mark of its source before it. */
export function Cost({
  row,
}: {
  row: Pick<
    Row,
    'cost_usd' | 'cost_low_usd' | 'cost_high_usd' | 'cost_source' | 'count_source' | 'correction_usd'
  >
}) {
  const { cost_usd: cost, cost_low_usd: low, cost_high_usd: high } = row
  if (cost === undefined && high === undefined) return <span className="chip">{t.cost.unpriced}</span>
  if (cost === undefined || (low !== undefined && high !== undefined))
    return (
      <span title={t.cost.bounded}>
        ≤ {usdCell(low ?? '0')} – {usdCell(high ?? cost ?? '0')}
        <span className="hidden"> {t.cost.bounded}</span>
      </span>
    )
  const [mark, words] =
    row.correction_usd !== undefined
      ? ['△', t.cost.corrected]
      : row.cost_source === 'upstream'
        ? ['=', t.cost.upstream]
        : row.count_source === 'counted'
          ? ['≈', t.cost.counted]
          : ['', t.cost.price]
  return (
    <span title={`${words}: $${cost}`} data-exact={cost}>
      {mark !== '' && <span aria-hidden="true">{mark} </span>}
      {usdCell(cost)}
      {mark !== '' && <span className="hidden"> {words}</span>}
    </span>
  )
}

const SIGNS = {
  finished: '✓',
  failed: '✕',
  broken: '!',
  cancelled: '⊘',
  exhausted: '$',
  interrupted: '!',
  open: '◌',
} as const

export function Status({ status }: { status: keyof typeof SIGNS }) {
  return (
    <span className={`status ${status}`}>
      <span aria-hidden="true">{SIGNS[status]}</span> {t.status[status]}
    </span>
  )
}

export function Time({ ms, zone = ZONE }: { ms: number; zone?: string }) {
  const date = new Date(ms)
  return (
    <time dateTime={date.toISOString()} title={date.toISOString()}>
      {timeText(ms, zone)}
    </time>
  )
}

export interface Column<T> {
  readonly name: string
  readonly cell: (row: T) => ReactNode
  readonly isNumber?: boolean
  /** Left out on narrow screens. */
  readonly isExtra?: boolean
}

/** A table of what fits on a page; longer lists have their own. */
export function Table<T>({
  label,
  columns,
  rows,
  keyOf,
  foot,
}: {
  label: string
  columns: readonly Column<T>[]
  rows: readonly T[]
  keyOf: (row: T) => string
  foot?: ReactNode
}) {
  return (
    <div className="scroll" role="region" aria-label={label} tabIndex={0}>
      <table>
        <caption className="hidden">{label}</caption>
        <thead>
          <tr>
            {columns.map(({ name, isNumber, isExtra }) => (
              <th key={name} scope="col" className={classOf(isNumber, isExtra)}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ name, cell, isNumber, isExtra }) => (
                <td key={name} className={classOf(isNumber, isExtra)}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
        {foot}
      </table>
    </div>
  )
}

export function classOf(isNumber = false, isExtra = false): string {
  return `${isNumber ? 'number' : ''} ${isExtra ? 'extra' : ''}`.trim()
}

/** A name that a stranger chose. */
export function Name({ text, none = '—' }: { text: string | undefined; none?: string }) {
  return text === undefined || text === '' ? (
    <span className="faint">{none}</span>
  ) : (
    <span className="name">{visible(text)}</span>
  )
}

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [isCopied, setCopied] = useState(false)
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text)
    setCopied(true)
    setTimeout(() => setCopied(false), 2000)
  }
  return (
    <button type="button" onClick={() => void copy()}>
      {isCopied ? t.request.copied : label}
    </button>
  )
}

/** A share as a bar with its figure beside it. */
export function Bar({ percent, label }: { percent: number; label: string }) {
  const shown = Math.max(0, Math.min(100, percent))
  return (
    <span className="bar-cell">
      <svg
        className={`bar ${percent >= 100 ? 'bad' : percent >= 80 ? 'warn' : ''}`}
        viewBox="0 0 100 8"
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        <rect className="track" width="100" height="8" />
        <rect className="fill" width={shown} height="8" />
      </svg>
      <span>{label}</span>
    </span>
  )
}

export function tokensText(row: Row): string {
  if (row.prompt_tokens === undefined) return '—'
  return `${countText(row.prompt_tokens)} / ${countText(row.completion_tokens ?? 0)}`
}

/** Asks a provider for its models with each of its keys, and says whether that worked. */
export function TestProvider({ provider }: { provider: string }) {
  const test = useMutation({ mutationFn: () => call('providers.test', { provider }) })
  return (
    <>
      <button
        type="button"
        disabled={test.isPending}
        aria-label={`${t.providers.test} ${provider}`}
        onClick={() => test.mutate()}
      >
        {test.isPending ? t.providers.testing : t.providers.test}
      </button>
      <span role="status">
        {' '}
        {test.data !== undefined &&
          (test.data.ok
            ? `✓ ${t.providers.ok}`
            : `✕ ${t.providers.bad}: ${visible(test.data.keys.find(({ ok }) => !ok)?.error ?? '')}`)}
        {test.error !== null && ` ✕ ${visible(test.error.message)}`}
      </span>
    </>
  )
}
