import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import type { Params, Result } from '../../../src/wire/rpc/methods.ts'
import { call } from '../api.ts'
import { useCall, useFilter, useMay } from '../broker.ts'
import { usdCell, visible } from '../format.ts'
import { Bar, Failure, Loading, Name, Table, Time } from '../parts.tsx'
import { Confirm, Dialog, PageHead } from '../shell.tsx'
import { t } from '../strings.ts'

type Stored = Result<'limits.list'>[number]
type Subject = Params<'limits.set'>['subject']

export function Limits() {
  const may = useMay()
  const { zone } = useFilter()
  const near = useCall('limits.near', { percent: 0, limit: 200 })
  return (
    <>
      <PageHead title={t.pages.limits} />
      <h2>{t.limits.near}</h2>
      <p className="faint">{t.limits.utc}</p>
      <Loading query={near}>
        {(budgets) =>
          budgets.length === 0 ? (
            <p className="state">{t.limits.none}</p>
          ) : (
            <Table
              label={t.limits.near}
              rows={budgets}
              keyOf={({ name, period }) => `${name} ${period}`}
              columns={[
                { name: t.limits.subject, cell: ({ name }) => <Name text={name} /> },
                { name: t.columns.period, cell: ({ period }) => period },
                {
                  name: t.columns.used,
                  cell: ({ used_percent: percent }) => <Bar percent={percent} label={`${percent} %`} />,
                },
                {
                  name: t.columns.spent,
                  isNumber: true,
                  isExtra: true,
                  cell: ({ spent_usd: usd }) => usdCell(usd),
                },
                {
                  name: t.columns.held,
                  isNumber: true,
                  isExtra: true,
                  cell: ({ held_usd: usd }) => usdCell(usd),
                },
                { name: t.columns.budget, isNumber: true, cell: ({ budget_usd: usd }) => usdCell(usd) },
                {
                  name: t.columns.resets,
                  isExtra: true,
                  cell: ({ resets_at: at }) => (at === undefined ? '—' : <Time ms={at * 1000} zone={zone} />),
                },
              ]}
            />
          )
        }
      </Loading>
      {may('limits.list') && <Rules />}
    </>
  )
}

function nameOf(subject: Subject): string {
  const { scope, ...rest } = subject
  return [scope, ...Object.values(rest)].join(' ')
}

function Rules() {
  const query = useCall('limits.list', {})
  const client = useQueryClient()
  const [dialog, setDialog] = useState<'set' | Stored>()
  const refresh = (): Promise<void> =>
    client.invalidateQueries({ predicate: ({ queryKey }) => String(queryKey[0]).startsWith('limits.') })
  const remove = useMutation({
    mutationFn: ({ subject }: Stored) => call('limits.remove', { subject }),
    onSettled: refresh,
  })
  return (
    <>
      <div className="page-head">
        <h2>{t.limits.rules}</h2>
        <button type="button" className="primary" onClick={() => setDialog('set')}>
          {t.limits.set}
        </button>
      </div>
      {remove.error !== null && <Failure error={remove.error} />}
      <Loading query={query}>
        {(rules) => (
          <Table
            label={t.limits.rules}
            rows={rules}
            keyOf={({ subject }) => nameOf(subject)}
            columns={[
              { name: t.limits.subject, cell: ({ subject }) => <Name text={nameOf(subject)} /> },
              {
                name: t.columns.value,
                cell: ({ rule }) => (
                  <Name
                    text={Object.entries(rule)
                      .map(([name, value]) => `${name} ${String(value)}`)
                      .join(', ')}
                  />
                ),
              },
              {
                name: t.limits.remove,
                cell: (stored) => (
                  <button
                    type="button"
                    className="danger"
                    aria-label={`${t.limits.remove} ${nameOf(stored.subject)}`}
                    onClick={() => setDialog(stored)}
                  >
                    {t.limits.remove}
                  </button>
                ),
              },
            ]}
          />
        )}
      </Loading>
      {dialog === 'set' && (
        <SetRule
          close={() => {
            setDialog(undefined)
            void refresh()
          }}
        />
      )}
      {typeof dialog === 'object' && (
        <Confirm
          title={t.limits.remove}
          text={t.limits.sure(visible(nameOf(dialog.subject)))}
          close={() => setDialog(undefined)}
          confirm={() => remove.mutate(dialog)}
        />
      )}
    </>
  )
}

const SCOPES = ['default', 'everybody', 'address', 'context', 'token'] as const
const FIELDS = ['usd_per_hour', 'usd_per_day', 'usd_per_month', 'usd_total', 'requests_per_minute'] as const

function SetRule({ close }: { close: () => void }) {
  const [scope, setScope] = useState<(typeof SCOPES)[number]>('context')
  const save = useMutation({
    mutationFn: (params: Params<'limits.set'>) => call('limits.set', params),
    onSuccess: close,
  })
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault()
    const data = new FormData(event.currentTarget)
    const name = String(data.get('name') ?? '')
    const rule = Object.fromEntries(
      FIELDS.flatMap((field) => {
        const text = String(data.get(field) ?? '')
        return text === '' ? [] : [[field, field === 'requests_per_minute' ? Number(text) : text]]
      }),
    )
    const subject = (
      scope === 'default' || scope === 'everybody' ? { scope } : { scope, [scope]: name }
    ) as Subject
    save.mutate({ subject, rule })
  }
  return (
    <Dialog title={t.limits.set} close={close}>
      <form onSubmit={submit}>
        {save.error !== null && <Failure error={save.error} />}
        <label>
          {t.limits.subject}
          <select value={scope} onChange={({ target }) => setScope(target.value as typeof scope)}>
            {SCOPES.map((name) => (
              <option key={name} value={name}>
                {t.limits[name]}
              </option>
            ))}
          </select>
        </label>
        {scope !== 'default' && scope !== 'everybody' && (
          <label>
            {t.columns.name}
            <input name="name" required />
          </label>
        )}
        {scope === 'everybody' && (
          <label>
            {t.limits.type}
            <input name="sure" required pattern="everybody" />
          </label>
        )}
        {FIELDS.map((field) => (
          <label key={field}>
            {t.limits.fields[field]}
            <input name={field} inputMode="decimal" pattern="\d+(\.\d+)?" />
          </label>
        ))}
        <div className="actions">
          <button type="button" onClick={close}>
            {t.limits.cancel}
          </button>
          <button className="primary">{t.limits.save}</button>
        </div>
      </form>
    </Dialog>
  )
}
