import { useMutation } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { Result } from '../../../src/wire/rpc/methods.ts'
import { call, watch } from '../api.ts'
import { useCall, useFilter } from '../broker.ts'
import { visible } from '../format.ts'
import { Failure, Loading, Name, Table, Time } from '../parts.tsx'
import { PageHead } from '../shell.tsx'
import { t } from '../strings.ts'
import { Choice } from './usage.tsx'

export function Settings() {
  const query = useCall('config.get', {})
  const reload = useMutation({
    mutationFn: () => call('config.reload', {}),
    onSuccess: () => query.refetch(),
  })
  return (
    <>
      <PageHead title={t.pages.settings}>
        <button type="button" disabled={reload.isPending} onClick={() => reload.mutate()}>
          {t.settings.reload}
        </button>
      </PageHead>
      {reload.error !== null && <Failure error={reload.error} />}
      <p role="status">{reload.data !== undefined && t.settings.reloaded}</p>
      <Loading query={query}>
        {({ settings }) => (
          <Table
            label={t.settings.effective}
            rows={settings}
            keyOf={({ name }) => name}
            columns={[
              { name: t.columns.name, cell: ({ name }) => name },
              {
                name: t.columns.value,
                cell: ({ value }) => <Name text={value === undefined ? '' : String(value)} />,
              },
              { name: t.columns.source, cell: ({ source }) => t.settings.source[source] },
              { name: t.columns.variable, isExtra: true, cell: ({ variable }) => <code>{variable}</code> },
            ]}
          />
        )}
      </Loading>
    </>
  )
}

type Line = Result<'logs.tail'>['lines'][number]

const KEPT = 500

export function Logs() {
  const { zone } = useFilter()
  const [level, setLevel] = useState<'info' | 'warn' | 'error'>('info')
  const [lines, setLines] = useState<readonly Line[]>([])
  const [error, setError] = useState<Error>()
  const [attempt, setAttempt] = useState(0)
  useEffect(() => {
    const ending = new AbortController()
    setLines([])
    setError(undefined)
    const follow = async (): Promise<void> => {
      for await (const page of watch('logs.tail', { level, limit: 200 }, ending.signal))
        setLines((before) => [...page.lines.toReversed(), ...before].slice(0, KEPT))
    }
    follow().catch((thrown: Error) => {
      if (!ending.signal.aborted) setError(thrown)
    })
    return () => ending.abort()
  }, [level, attempt])
  return (
    <>
      <PageHead title={t.pages.logs} />
      <div className="row">
        <Choice
          label={t.logs.level}
          value={level}
          options={[
            ['info', 'info'],
            ['warn', 'warn'],
            ['error', 'error'],
          ]}
          onChange={(value) => setLevel(value as typeof level)}
        />
      </div>
      {error !== undefined && <Failure error={error} retry={() => setAttempt(attempt + 1)} />}
      {lines.length === 0 ? (
        <p className="state">{t.logs.none}</p>
      ) : (
        <Table
          label={t.pages.logs}
          rows={lines}
          keyOf={({ number }) => String(number)}
          columns={[
            { name: t.columns.time, cell: ({ time }) => <Time ms={Date.parse(time)} zone={zone} /> },
            {
              name: t.columns.level,
              cell: ({ level: own }) => (
                <span
                  className={`status ${own === 'info' ? 'cancelled' : own === 'warn' ? 'broken' : 'failed'}`}
                >
                  {own}
                </span>
              ),
            },
            {
              name: t.columns.message,
              cell: ({ message, details }) => (
                <>
                  <Name text={message} />{' '}
                  <span className="faint name">{visible(JSON.stringify(details))}</span>
                </>
              ),
            },
          ]}
        />
      )}
    </>
  )
}
