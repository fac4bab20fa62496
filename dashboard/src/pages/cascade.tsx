import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent, type ReactNode } from 'react'
import type { Result } from '../../../src/wire/rpc/methods.ts'
import { call } from '../api.ts'
import { useCall, useFilter, useLive } from '../broker.ts'
import { usdCell, visible } from '../format.ts'
import { Bar, Failure, Loading, Name, Spend, Table, TestProvider, Time } from '../parts.tsx'
import { Confirm, Dialog, PageHead } from '../shell.tsx'
import { t } from '../strings.ts'

type Mother = Result<'mothers.list'>[number]
type Lease = Result<'leases.list'>[number]

/** The brokers above and below this one: what was spent at each, who they are, and what they may spend. */
export function Cascade() {
  const mothers = useCall('mothers.list', {})
  const leases = useCall('leases.list', {})
  return (
    <>
      <PageHead title={t.pages.cascade} hasRange />
      <Loading query={mothers}>
        {(above) => (
          <>
            <Loading query={leases}>{(below) => <Tree above={above} below={below} />}</Loading>
            <Mothers mothers={above} />
          </>
        )}
      </Loading>
      <HeldLeases />
      <Loading query={leases}>{(below) => <GrantedLeases leases={below} />}</Loading>
    </>
  )
}

function placeOf({ address, port, url, socket }: Mother): string {
  return url ?? socket ?? `${address}:${port}`
}

/** The spend at each mother is this ledger's, of the period; that of a child is its lease's. */
function Tree({ above, below }: { above: readonly Mother[]; below: readonly Lease[] }) {
  const { filter } = useFilter()
  const { state } = useLive()
  const all = useCall('usage.query', { filter })
  return (
    <section className="panel" aria-label={t.cascade.tree}>
      <h2>{t.cascade.tree}</h2>
      <ul className="top-list">
        {above.map((mother) => (
          <li key={mother.id}>
            <Hop name={mother.label ?? mother.id} role={t.cascade.mother}>
              <SpendAt provider={mother.id} />
            </Hop>
          </li>
        ))}
        <li>
          <Hop
            name={t.cascade.here}
            role={state?.is_mother === true ? t.cascade.isMother : t.cascade.noChildren}
          >
            <Loading query={all}>{({ totals }) => <SpendFigure totals={totals} />}</Loading>
          </Hop>
        </li>
        {below.map((lease) => (
          <li key={lease.id}>
            <Hop name={lease.token ?? lease.address} role={t.cascade.child}>
              <strong data-exact={lease.spent_usd}>{usdCell(lease.spent_usd)}</strong>
            </Hop>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Hop({ name, role, children }: { name: string; role: string; children: ReactNode }) {
  return (
    <>
      <Name text={name} /> <span className="faint">{role}</span> {children}
    </>
  )
}

function SpendAt({ provider }: { provider: string }) {
  const { filter } = useFilter()
  const query = useCall('usage.query', { filter: { ...filter, provider: [provider] } })
  return <Loading query={query}>{({ totals }) => <SpendFigure totals={totals} />}</Loading>
}

function SpendFigure({ totals }: { totals: Result<'usage.query'>['totals'] }) {
  return (
    <>
      <strong data-exact={totals.cost_usd}>{usdCell(totals.cost_usd)}</strong> <Spend totals={totals} />
    </>
  )
}

const SIGNS = { up: '✓', down: '✕', unknown: '◌', disabled: '⊘' } as const

function Mothers({ mothers }: { mothers: readonly Mother[] }) {
  const client = useQueryClient()
  const [dialog, setDialog] = useState<{ readonly edit: Mother | undefined } | { readonly remove: Mother }>()
  const refresh = (): Promise<void> => client.invalidateQueries()
  const remove = useMutation({
    mutationFn: ({ id }: Mother) => call('mothers.remove', { id }),
    onSettled: refresh,
  })
  const toggle = useMutation({
    mutationFn: ({ id, enabled }: Mother) => call('mothers.update', { id, enabled: !enabled }),
    onSettled: refresh,
  })
  const close = (): void => {
    setDialog(undefined)
    void refresh()
  }
  return (
    <>
      <div className="page-head">
        <h2>{t.cascade.mothers}</h2>
        <button type="button" className="primary" onClick={() => setDialog({ edit: undefined })}>
          {t.cascade.add}
        </button>
      </div>
      {[remove.error, toggle.error].map(
        (error) => error !== null && <Failure key={error.message} error={error} />,
      )}
      {mothers.length === 0 ? (
        <>
          <p className="state">{t.cascade.none}</p>
          <pre>{t.cascade.howTo}</pre>
        </>
      ) : (
        <Table
          label={t.cascade.mothers}
          rows={mothers}
          keyOf={({ id }) => id}
          columns={[
            { name: t.columns.priority, isNumber: true, cell: ({ priority }) => priority },
            {
              name: t.columns.name,
              cell: (mother) => (
                <>
                  <Name text={mother.label ?? mother.id} /> <span className="chip">{t.cascade.chip}</span>
                  <br />
                  <span className="faint name">{visible(placeOf(mother))}</span>
                </>
              ),
            },
            {
              name: t.columns.state,
              cell: ({ state, problem }) => (
                <span
                  className={`status ${state === 'up' ? 'finished' : state === 'down' ? 'failed' : 'open'}`}
                >
                  <span aria-hidden="true">{SIGNS[state]}</span> {state}
                  {problem !== undefined && `: ${visible(problem)}`}
                </span>
              ),
            },
            { name: t.columns.endpoints, isNumber: true, isExtra: true, cell: ({ models }) => models },
            {
              name: t.columns.token,
              isExtra: true,
              cell: ({ has_token: has, token_env: variable }) =>
                variable ?? (has ? t.cascade.tokenSet : t.cascade.noToken),
            },
            {
              name: t.providers.test,
              isExtra: true,
              cell: ({ id, enabled }) => (enabled ? <TestProvider provider={id} /> : '—'),
            },
            {
              name: t.cascade.change,
              cell: (mother) => (
                <MotherActions
                  mother={mother}
                  toggle={() => toggle.mutate(mother)}
                  edit={() => setDialog({ edit: mother })}
                  remove={() => setDialog({ remove: mother })}
                />
              ),
            },
          ]}
        />
      )}
      {dialog !== undefined && 'edit' in dialog && <MotherForm mother={dialog.edit} close={close} />}
      {dialog !== undefined && 'remove' in dialog && (
        <Confirm
          title={t.cascade.remove}
          text={t.cascade.sure(visible(dialog.remove.label ?? dialog.remove.id))}
          close={() => setDialog(undefined)}
          confirm={() => remove.mutate(dialog.remove)}
        />
      )}
    </>
  )
}

function MotherActions({
  mother: { id, label = id, enabled },
  toggle,
  edit,
  remove,
}: {
  mother: Mother
  toggle: () => void
  edit: () => void
  remove: () => void
}) {
  const switchText = enabled ? t.tokens.disable : t.tokens.enable
  return (
    <span className="row">
      <button type="button" aria-label={`${switchText} ${label}`} onClick={toggle}>
        {switchText}
      </button>
      <button type="button" aria-label={`${t.cascade.edit} ${label}`} onClick={edit}>
        {t.cascade.edit}
      </button>
      <button type="button" className="danger" aria-label={`${t.cascade.remove} ${label}`} onClick={remove}>
        {t.cascade.remove}
      </button>
    </span>
  )
}

/** A field that is left empty is cleared; the token, which is never shown, stays as it is. */
function MotherForm({ mother, close }: { mother: Mother | undefined; close: () => void }) {
  const save = useMutation({
    gcTime: 0,
    mutationFn: (data: FormData) => {
      const fields = fieldsOf(data, mother)
      return mother === undefined
        ? call('mothers.add', fields)
        : call('mothers.update', { id: mother.id, ...fields })
    },
    onSuccess: close,
  })
  const title = mother === undefined ? t.cascade.add : t.cascade.edit
  return (
    <Dialog title={title} close={close}>
      <form
        onSubmit={(event: FormEvent<HTMLFormElement>) => {
          event.preventDefault()
          save.mutate(new FormData(event.currentTarget))
        }}
      >
        {save.error !== null && <Failure error={save.error} />}
        <label>
          {t.cascade.place}
          <input
            name="place"
            required
            autoFocus
            defaultValue={mother && placeOf(mother)}
            placeholder="10.1.0.1:33850"
          />
        </label>
        <label>
          {t.columns.label}
          <input name="label" maxLength={128} defaultValue={mother?.label} />
        </label>
        <label>
          {t.columns.priority}
          <input
            name="priority"
            inputMode="numeric"
            pattern="\d{1,7}"
            required
            defaultValue={mother?.priority ?? 10}
          />
        </label>
        <label>
          {t.cascade.lease}
          <input
            name="lease"
            inputMode="decimal"
            pattern="\d+(\.\d{1,9})?"
            defaultValue={mother?.lease_usd}
          />
        </label>
        <label>
          {mother?.has_token === true ? t.cascade.newToken : t.cascade.token}
          <input name="token" type="password" autoComplete="off" />
        </label>
        <div className="actions">
          <button type="button" onClick={close}>
            {t.limits.cancel}
          </button>
          <button className="primary" disabled={save.isPending}>
            {t.limits.save}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

function fieldsOf(data: FormData, mother: Mother | undefined) {
  const text = (name: string): string => String(data.get(name) ?? '').trim()
  const place = text('place')
  const token = text('token')
  return {
    ...(mother !== undefined && place === placeOf(mother) ? {} : addressOf(place)),
    ...cleared('label', text('label'), mother),
    ...cleared('lease_usd', text('lease'), mother),
    priority: Number(text('priority')),
    ...(token === '' ? {} : { token }),
  }
}

/** What says where she is; a change of it clears what said so before. */
function addressOf(place: string) {
  const none = { address: null, port: null, url: null, socket: null }
  if (place.startsWith('/')) return { ...none, socket: place }
  if (/^https?:/.test(place)) return { ...none, url: place }
  const at = place.lastIndexOf(':')
  return {
    ...none,
    address: at < 0 ? place : place.slice(0, at),
    port: at < 0 ? 33850 : Number(place.slice(at + 1)),
  }
}

/** An empty field of a new mother is absent, one of a known mother is cleared. */
function cleared(name: 'label' | 'lease_usd', value: string, mother: Mother | undefined) {
  if (value !== '') return { [name]: value }
  return mother?.[name] === undefined ? {} : { [name]: null }
}

function HeldLeases() {
  const query = useCall('leases.held', {})
  return (
    <Loading query={query}>
      {(held) =>
        held.length > 0 && (
          <>
            <h2>{t.cascade.held}</h2>
            <Table
              label={t.cascade.held}
              rows={held}
              keyOf={({ mother }) => mother}
              columns={[
                { name: t.cascade.from, cell: ({ mother }) => <Name text={mother} /> },
                ...amounts,
                {
                  name: t.columns.held,
                  isNumber: true,
                  isExtra: true,
                  cell: ({ held_usd: usd }) => usdCell(usd),
                },
                {
                  name: t.columns.state,
                  cell: ({ problem }) => (problem === undefined ? '✓' : `✕ ${visible(problem)}`),
                },
              ]}
            />
          </>
        )
      }
    </Loading>
  )
}

/** What a lease granted here and a lease held here have in common. */
interface Amounts {
  readonly granted_usd?: string | undefined
  readonly returned_usd?: string | undefined
  readonly spent_usd: string
  readonly left_usd: string
}

const amounts = [
  {
    name: t.cascade.granted,
    isNumber: true,
    cell: ({ granted_usd: usd }: Amounts) => (usd === undefined ? '—' : usdCell(usd)),
  },
  { name: t.columns.spent, isNumber: true, cell: ({ spent_usd: usd }: Amounts) => usdCell(usd) },
  {
    name: t.columns.left,
    isNumber: true,
    isExtra: true,
    cell: ({ left_usd: usd }: Amounts) => usdCell(usd),
  },
]

function GrantedLeases({ leases }: { leases: readonly Lease[] }) {
  const { zone } = useFilter()
  const client = useQueryClient()
  const [ending, setEnding] = useState<Lease>()
  const end = useMutation({
    mutationFn: ({ id }: Lease) => call('leases.end', { lease: id }),
    onSettled: () => client.invalidateQueries(),
  })
  return (
    <>
      <h2>{t.cascade.leases}</h2>
      {end.error !== null && <Failure error={end.error} />}
      {leases.length === 0 ? (
        <p className="state">{t.cascade.noLeases}</p>
      ) : (
        <Table
          label={t.cascade.leases}
          rows={leases}
          keyOf={({ id }) => id}
          columns={[
            {
              name: t.cascade.child,
              cell: ({ address, token }) => <Name text={token ?? address} />,
            },
            ...amounts,
            { name: t.columns.used, isExtra: true, cell: (lease) => <Used lease={lease} /> },
            {
              name: t.columns.expires,
              isExtra: true,
              cell: ({ expires_at: at }) => <Time ms={at * 1000} zone={zone} />,
            },
            {
              name: t.cascade.end,
              cell: (lease) => (
                <button
                  type="button"
                  className="danger"
                  aria-label={`${t.cascade.end} ${lease.id}`}
                  onClick={() => setEnding(lease)}
                >
                  {t.cascade.end}
                </button>
              ),
            },
          ]}
        />
      )}
      {ending !== undefined && (
        <Confirm
          title={t.cascade.end}
          text={t.cascade.sureEnd(visible(ending.token ?? ending.address))}
          close={() => setEnding(undefined)}
          confirm={() => end.mutate(ending)}
        />
      )}
    </>
  )
}

function Used({ lease: { granted_usd, returned_usd, spent_usd } }: { lease: Lease }) {
  const size = Number(granted_usd) - Number(returned_usd)
  const percent = size <= 0 ? 0 : Math.round((Number(spent_usd) * 100) / size)
  return <Bar percent={percent} label={`${percent} %`} />
}
