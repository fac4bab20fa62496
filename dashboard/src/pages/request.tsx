import { Link, useParams } from '@tanstack/react-router'
import type { Result } from '../../../src/wire/rpc/methods.ts'
import { useCall, useFilter } from '../broker.ts'
import { countText, durationText, usdCell, visible } from '../format.ts'
import { CopyButton, Cost, Loading, Name, Status, Table, Time, tokensText } from '../parts.tsx'
import { PageHead } from '../shell.tsx'
import { t } from '../strings.ts'

type Detail = Result<'requests.get'>

export function Request() {
  const { id } = useParams({ strict: false })
  const query = useCall('requests.get', { id: id ?? '' })
  return (
    <>
      <PageHead title={t.pages.request}>
        <CopyButton text={id ?? ''} label={t.request.copy} />
        <Link to="/requests">{t.request.back}</Link>
      </PageHead>
      <p className="mono">{visible(id ?? '')}</p>
      <Loading query={query}>{(detail) => <Opened detail={detail} />}</Loading>
    </>
  )
}

/** One sentence: who answered, after what, how long, for how much. */
function Summary({ detail: { request, attempts } }: { detail: Detail }) {
  const failed = attempts.map(({ endpoint, code, status }) => `${endpoint}: ${status ?? code}`)
  return (
    <p className="panel">
      <strong>
        {request.provider === undefined ? t.request.refused : t.request.answered(visible(request.provider))}
      </strong>
      {failed.length > 0 && t.request.after(failed.map(visible).join(', '))} ·{' '}
      <Status status={request.status} /> · {durationText(request.duration_ms)} · <Cost row={request} />
      {request.error !== undefined && <span> · {visible(request.error)}</span>}
    </p>
  )
}

function Opened({ detail }: { detail: Detail }) {
  const { request, usage, corrections, group } = detail
  const { zone } = useFilter()
  const facts: [string, React.ReactNode][] = [
    [t.columns.time, <Time key="time" ms={request.started_at_ms} zone={zone} />],
    [
      t.columns.model,
      `${visible(request.model)}${request.answered_model === undefined ? '' : ` → ${visible(request.answered_model)}`}`,
    ],
    [t.columns.endpoint, <Name key="endpoint" text={request.endpoint} />],
    [t.columns.address, <Name key="address" text={request.address} />],
    [t.columns.context, <Name key="context" text={request.context} />],
    [t.columns.token, <Name key="token" text={request.token} />],
    [t.columns.app, <Name key="app" text={request.app} />],
    [t.columns.kind, `${request.kind}${request.streamed ? ', stream' : ''}`],
    [t.columns.first, durationText(request.first_token_ms)],
    ['finish_reason', <Name key="finish" text={detail.finish_reason} />],
    ['price_version', <Name key="version" text={detail.price_version} />],
    ['seq', request.seq === undefined ? '—' : countText(request.seq)],
    ['flag', <Name key="flag" text={request.flag} />],
  ]
  return (
    <>
      <Summary detail={detail} />
      <Waterfall detail={detail} />
      <div className="grid">
        <section className="panel">
          <h2>{t.request.tokens}</h2>
          <dl className="facts">
            {Object.entries(usage).map(([kind, count]) => (
              <div key={kind} style={{ display: 'contents' }}>
                <dt>{kind}</dt>
                <dd>{countText(count)}</dd>
              </div>
            ))}
            <dt>{t.columns.cost}</dt>
            <dd>
              <Cost row={request} /> <span className="mono">{request.cost_usd}</span>
            </dd>
            {detail.upstream_cost_usd !== undefined && (
              <>
                <dt>{t.request.upstream}</dt>
                <dd>{usdCell(detail.upstream_cost_usd)}</dd>
              </>
            )}
            {corrections.map((correction) => (
              <div key={correction.id} style={{ display: 'contents' }}>
                <dt>{t.request.corrections}</dt>
                <dd>
                  {usdCell(correction.cost_usd ?? '0')} {visible(correction.flag ?? '')}
                </dd>
              </div>
            ))}
          </dl>
        </section>
        <section className="panel">
          <h2>{t.request.details}</h2>
          <dl className="facts">
            {facts.map(([name, value]) => (
              <div key={name} style={{ display: 'contents' }}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </section>
      </div>
      {group.length > 0 && (
        <section className="panel">
          <h2>{t.request.group}</h2>
          <Table
            label={t.request.group}
            rows={group}
            keyOf={({ id }) => id}
            columns={[
              { name: t.columns.time, cell: (row) => <Time ms={row.started_at_ms} zone={zone} /> },
              { name: t.columns.kind, cell: (row) => row.kind },
              {
                name: t.columns.model,
                cell: (row) => (
                  <Link to="/requests/$id" params={{ id: row.id }}>
                    {visible(row.model)}
                  </Link>
                ),
              },
              { name: t.columns.tokens, isNumber: true, cell: tokensText },
              { name: t.columns.cost, isNumber: true, cell: (row) => <Cost row={row} /> },
            ]}
          />
        </section>
      )}
      <p className="faint">
        {t.request.bodies} {t.request.notKept}
      </p>
    </>
  )
}

/** One bar for each attempt, in the order in which they were made. */
function Waterfall({ detail: { request, attempts } }: { detail: Detail }) {
  const whole = Math.max(
    request.duration_ms ?? 0,
    attempts.reduce((sum, { ms }) => sum + ms, 0),
    1,
  )
  let from = 0
  const bars = attempts.map(({ endpoint, code, status, ms }) => {
    const start = from
    from += ms
    return {
      endpoint,
      start,
      ms,
      text: `${t.request.failedAttempt} · ${status ?? code} · ${durationText(ms)}`,
    }
  })
  const rest = Math.max(0, whole - from)
  const wait = Math.max(0, Math.min(rest, (request.first_token_ms ?? from) - from))
  const at = (ms: number): number => (ms * 1000) / whole
  return (
    <section className="panel">
      <h2>{t.request.attempts}</h2>
      <div className="waterfall">
        {bars.map(({ endpoint, start, ms, text }, index) => (
          <div className="fall" key={`${index} ${endpoint}`}>
            <span className="name">{visible(endpoint)}</span>
            <svg viewBox="0 0 1000 18" preserveAspectRatio="none" role="img" aria-label={text}>
              <rect className="bad" x={at(start)} width={Math.max(3, at(ms))} height="18" />
            </svg>
            <span>✕ {text}</span>
          </div>
        ))}
        {request.endpoint !== undefined && (
          <div className="fall">
            <span className="name">{visible(request.endpoint)}</span>
            <svg
              viewBox="0 0 1000 18"
              preserveAspectRatio="none"
              role="img"
              aria-label={`${t.request.answeredBar} ${durationText(rest)}`}
            >
              <rect className="wait" x={at(from)} width={at(wait)} height="18" />
              <rect className="good" x={at(from + wait)} width={Math.max(3, at(rest - wait))} height="18" />
            </svg>
            <span>
              {durationText(wait)} {t.request.queue}, {durationText(rest - wait)} {t.request.stream}
            </span>
          </div>
        )}
        {request.endpoint === undefined && bars.length === 0 && <p className="faint">{t.overview.none}</p>}
      </div>
    </section>
  )
}
