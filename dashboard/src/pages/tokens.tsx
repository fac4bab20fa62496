import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import type { Result } from '../../../src/wire/rpc/methods.ts'
import { call } from '../api.ts'
import { useCall, useFilter } from '../broker.ts'
import { visible } from '../format.ts'
import { CopyButton, Failure, Loading, Name, Table, Time } from '../parts.tsx'
import { Confirm, Dialog, PageHead } from '../shell.tsx'
import { t } from '../strings.ts'

type Token = Result<'tokens.list'>[number]

export function Tokens() {
  const query = useCall('tokens.list', {})
  const { zone } = useFilter()
  const client = useQueryClient()
  const [dialog, setDialog] = useState<'create' | Token>()
  const [rotated, setRotated] = useState<Token>()
  const refresh = (): Promise<void> => client.invalidateQueries({ queryKey: ['tokens.list'] })
  const toggle = useMutation({
    mutationFn: ({ id, disabled }: Token) => call(disabled ? 'tokens.enable' : 'tokens.disable', { id }),
    onSettled: refresh,
  })
  const remove = useMutation({
    mutationFn: ({ id }: Token) => call('tokens.delete', { id }),
    onSettled: refresh,
  })
  return (
    <>
      <PageHead title={t.pages.tokens}>
        <button type="button" className="primary" onClick={() => setDialog('create')}>
          {t.tokens.create}
        </button>
      </PageHead>
      {[toggle.error, remove.error].map(
        (error) => error !== null && <Failure key={error.message} error={error} />,
      )}
      <Loading query={query}>
        {(tokens) =>
          tokens.length === 0 ? (
            <p className="state empty">{t.tokens.none}</p>
          ) : (
            <Table
              label={t.pages.tokens}
              rows={tokens}
              keyOf={({ id }) => id}
              columns={[
                { name: t.columns.label, cell: ({ label }) => <Name text={label} /> },
                { name: t.columns.id, isExtra: true, cell: ({ id }) => <code>{id}</code> },
                {
                  name: t.columns.state,
                  cell: ({ disabled }) => (disabled ? `⊘ ${t.tokens.disabled}` : `✓ ${t.tokens.active}`),
                },
                {
                  name: t.columns.created,
                  isExtra: true,
                  cell: ({ created_at: at }) => <Time ms={at * 1000} zone={zone} />,
                },
                {
                  name: t.columns.expires,
                  isExtra: true,
                  cell: ({ expires_at: at }) =>
                    at === undefined ? t.tokens.never : <Time ms={at * 1000} zone={zone} />,
                },
                {
                  name: t.columns.budget,
                  isExtra: true,
                  cell: ({ rule }) => (
                    <Name
                      text={Object.entries(rule ?? {})
                        .map(([name, value]) => `${name} ${String(value)}`)
                        .join(', ')}
                    />
                  ),
                },
                {
                  name: t.tokens.remove,
                  cell: (token) => (
                    <span className="row">
                      <button
                        type="button"
                        aria-label={`${token.disabled ? t.tokens.enable : t.tokens.disable} ${token.label}`}
                        onClick={() => toggle.mutate(token)}
                      >
                        {token.disabled ? t.tokens.enable : t.tokens.disable}
                      </button>
                      <button
                        type="button"
                        aria-label={`${t.tokens.rotate} ${token.label}`}
                        onClick={() => setRotated(token)}
                      >
                        {t.tokens.rotate}
                      </button>
                      <button
                        type="button"
                        className="danger"
                        aria-label={`${t.tokens.remove} ${token.label}`}
                        onClick={() => setDialog(token)}
                      >
                        {t.tokens.remove}
                      </button>
                    </span>
                  ),
                },
              ]}
            />
          )
        }
      </Loading>
      {dialog === 'create' && (
        <Create
          close={() => {
            setDialog(undefined)
            void refresh()
          }}
        />
      )}
      {rotated !== undefined && (
        <Rotate
          token={rotated}
          close={() => {
            setRotated(undefined)
            void refresh()
          }}
        />
      )}
      {typeof dialog === 'object' && (
        <Confirm
          title={t.tokens.remove}
          text={t.tokens.sure(visible(dialog.label))}
          close={() => setDialog(undefined)}
          confirm={() => remove.mutate(dialog)}
        />
      )}
    </>
  )
}

function Create({ close }: { close: () => void }) {
  const create = useMutation({
    gcTime: 0,
    mutationFn: ({ label, budget }: { label: string; budget: string }) =>
      call('tokens.create', { label, ...(budget === '' ? {} : { rule: { usd_per_month: budget } }) }),
  })
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault()
    const data = new FormData(event.currentTarget)
    create.mutate({ label: String(data.get('label')), budget: String(data.get('budget')) })
  }
  return (
    <Dialog title={t.tokens.create} close={close}>
      {create.data === undefined ? (
        <form onSubmit={submit}>
          {create.error !== null && <Failure error={create.error} />}
          <label>
            {t.tokens.label}
            <input name="label" required maxLength={128} autoFocus />
          </label>
          <label>
            {t.tokens.budget}
            <input name="budget" inputMode="decimal" pattern="\d+(\.\d+)?" />
          </label>
          <div className="actions">
            <button type="button" onClick={close}>
              {t.limits.cancel}
            </button>
            <button className="primary">{t.tokens.create}</button>
          </div>
        </form>
      ) : (
        <ShownOnce token={create.data.token} close={close} />
      )}
    </Dialog>
  )
}

function Rotate({ token, close }: { token: Token; close: () => void }) {
  const rotate = useMutation({ gcTime: 0, mutationFn: () => call('tokens.rotate', { id: token.id }) })
  return (
    <Dialog title={t.tokens.rotate} close={close}>
      {rotate.data === undefined ? (
        <>
          {rotate.error !== null && <Failure error={rotate.error} />}
          <p>{t.tokens.rotateSure(visible(token.label))}</p>
          <div className="actions">
            <button type="button" onClick={close}>
              {t.limits.cancel}
            </button>
            <button
              type="button"
              className="primary"
              disabled={rotate.isPending}
              onClick={() => rotate.mutate()}
            >
              {t.tokens.rotate}
            </button>
          </div>
        </>
      ) : (
        <ShownOnce token={rotate.data.token} close={close} />
      )}
    </Dialog>
  )
}

function ShownOnce({ token, close }: { token: string; close: () => void }) {
  return (
    <>
      <p>{t.tokens.secret}</p>
      <pre>{token}</pre>
      <div className="actions">
        <CopyButton text={token} label={t.tokens.copy} />
        <button type="button" className="primary" onClick={close}>
          {t.tokens.done}
        </button>
      </div>
    </>
  )
}
