import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useCall } from '../broker.ts'
import { Failure } from '../parts.tsx'
import { PageHead } from '../shell.tsx'
import { t } from '../strings.ts'

/** What is left to do on a new broker; each step ticks itself. */
export function Start() {
  const providers = useCall('providers.list', {})
  const totals = useCall('requests.totals', {})
  const tokens = useCall('tokens.list', {})
  const limits = useCall('limits.list', {})
  const all = [providers, totals, tokens, limits]
  const failed = all.find(({ error }) => error !== null)
  const hasKey = (providers.data ?? []).some(({ keys }) => keys > 0)
  const variables = (providers.data ?? []).flatMap(({ key_variables: names }) => names.slice(0, 1))
  const steps: [string, boolean, ReactNode][] = [
    [
      t.start.key,
      hasKey,
      <div key="key">
        {t.start.keyHint}{' '}
        <pre>
          {variables.length === 0 ? 'OPENROUTER_API_KEY=…' : variables.map((name) => `${name}=…`).join('\n')}
        </pre>
      </div>,
    ],
    [
      t.start.test,
      (providers.data ?? []).some(({ keys, state }) => keys > 0 && state === 'ready'),
      <Link key="test" to="/providers">
        {t.pages.providers}
      </Link>,
    ],
    [
      t.start.request,
      (totals.data?.totals.requests ?? 0) > 0,
      <Link key="request" to="/playground">
        {t.pages.playground}
      </Link>,
    ],
    [
      t.start.token,
      (tokens.data?.length ?? 0) > 0,
      <Link key="token" to="/tokens">
        {t.pages.tokens}
      </Link>,
    ],
    [
      t.start.budget,
      (limits.data?.length ?? 0) > 0,
      <Link key="budget" to="/limits">
        {t.pages.limits}
      </Link>,
    ],
  ]
  return (
    <>
      <PageHead title={t.pages.start} />
      {failed !== undefined && failed.error !== null && (
        <Failure error={failed.error} retry={() => all.forEach((query) => void query.refetch())} />
      )}
      <ol className="steps">
        {steps.map(([title, isDone, what]) => (
          <li key={title} className={`panel ${isDone ? 'done' : 'todo'}`}>
            <h2>
              {title}
              <span className="hidden">, {isDone ? t.start.done : t.start.open}</span>
            </h2>
            {!isDone && what}
          </li>
        ))}
      </ol>
    </>
  )
}
