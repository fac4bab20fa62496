import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Result } from '../../../src/wire/rpc/methods.ts'
import { call } from '../api.ts'
import { useCall, useMay } from '../broker.ts'
import { durationText, visible } from '../format.ts'
import { Failure, Loading, Table, TestProvider } from '../parts.tsx'
import { PageHead } from '../shell.tsx'
import { t } from '../strings.ts'

type Provider = Result<'providers.list'>[number]

export function Providers() {
  const query = useCall('providers.list', {})
  const health = useCall('providers.health', {})
  const client = useQueryClient()
  const may = useMay()
  const [undo, setUndo] = useState<{ provider: string; priority: number | null }>()
  const set = useMutation({
    mutationFn: (change: { provider: string; priority: number | null }) => call('priority.set', change),
    onSettled: () => client.invalidateQueries({ queryKey: ['providers.list'] }),
  })
  const change = (provider: Provider, priority: number | null): void => {
    setUndo({ provider: provider.name, priority: provider.priority ?? null })
    set.mutate({ provider: provider.name, priority })
  }
  const sorted = (list: readonly Provider[]): Provider[] =>
    list.toSorted(
      (a, b) =>
        Number(b.keys > 0) - Number(a.keys > 0) ||
        (a.priority ?? 1e7) - (b.priority ?? 1e7) ||
        a.name.localeCompare(b.name),
    )
  return (
    <>
      <PageHead title={t.pages.providers} />
      <p>{t.providers.order}</p>
      {set.error !== null && <Failure error={set.error} />}
      <Loading query={query}>
        {(providers) =>
          providers.length === 0 ? (
            <p className="state">{t.providers.none}</p>
          ) : (
            <Table
              label={t.pages.providers}
              rows={sorted(providers)}
              keyOf={({ name }) => name}
              columns={[
                {
                  name: t.columns.priority,
                  cell: (provider) =>
                    may('priority.set') ? (
                      <Priority
                        key={String(provider.priority)}
                        provider={provider}
                        onChange={(priority) => change(provider, priority)}
                      />
                    ) : (
                      (provider.priority ?? t.providers.yaml)
                    ),
                },
                {
                  name: t.columns.provider,
                  cell: ({ display_name: name, host }) => (
                    <>
                      <strong>{visible(name)}</strong>
                      <br />
                      <span className="faint name">{visible(host)}</span>
                    </>
                  ),
                },
                {
                  name: t.columns.state,
                  cell: ({ state }) => (
                    <span className={`status ${state === 'ready' ? 'finished' : 'broken'}`}>
                      <span aria-hidden="true">{state === 'ready' ? '✓' : '!'}</span> {state}
                    </span>
                  ),
                },
                {
                  name: t.columns.keys,
                  isNumber: true,
                  isExtra: true,
                  cell: ({ name, keys }) => <KeyStates provider={name} count={keys} health={health.data} />,
                },
                {
                  name: t.columns.endpoints,
                  isNumber: true,
                  isExtra: true,
                  cell: ({ endpoints }) => endpoints,
                },
                {
                  name: `${t.columns.first} p50`,
                  isNumber: true,
                  isExtra: true,
                  cell: ({ name }) => latencyOf(name, health.data),
                },
                ...(may('providers.test')
                  ? [
                      {
                        name: t.providers.test,
                        cell: ({ name }: Provider) => <TestProvider provider={name} />,
                      },
                    ]
                  : []),
              ]}
            />
          )
        }
      </Loading>
      {undo !== undefined && !set.isPending && (
        <div className="toast" role="status">
          {t.providers.saved(undo.provider)}
          <button
            type="button"
            onClick={() => {
              set.mutate(undo)
              setUndo(undefined)
            }}
          >
            {t.providers.undo}
          </button>
        </div>
      )}
    </>
  )
}

function Priority({
  provider,
  onChange,
}: {
  provider: Provider
  onChange: (priority: number | null) => void
}) {
  const before = provider.priority === undefined ? '' : String(provider.priority)
  const [text, setText] = useState(before)
  const isGood = /^\d{0,7}$/.test(text.trim()) && Number(text) <= 1_000_000
  const save = (): void => {
    if (isGood && text.trim() !== before) onChange(text.trim() === '' ? null : Number(text))
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        save()
      }}
    >
      <input
        className={isGood ? 'short' : 'short wrong'}
        inputMode="numeric"
        aria-label={t.providers.set(provider.display_name)}
        aria-invalid={!isGood}
        placeholder={t.providers.yaml}
        value={text}
        onChange={({ target }) => setText(target.value)}
        onBlur={save}
      />
      {!isGood && <div role="alert">{t.providers.whole}</div>}
    </form>
  )
}

function KeyStates({
  provider,
  count,
  health,
}: {
  provider: string
  count: number
  health: Result<'providers.health'> | undefined
}) {
  const keys = health?.keys.filter((key) => key.provider === provider) ?? []
  const ready = keys.filter(({ state }) => state === 'ready').length
  return (
    <span title={keys.map(({ key, state }) => `${key}: ${state}`).join('\n')}>
      {count === 0 ? '—' : keys.length === 0 ? count : `${ready}/${count}`}
    </span>
  )
}

function latencyOf(provider: string, health: Result<'providers.health'> | undefined): string {
  const own =
    health?.endpoints
      .filter(({ endpoint }) => endpoint.startsWith(`${provider}/`))
      .flatMap(({ latency_ms: ms }) => ms?.p50 ?? []) ?? []
  return own.length === 0 ? '—' : durationText(Math.min(...own))
}
