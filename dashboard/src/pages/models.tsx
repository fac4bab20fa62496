import type { Result } from '../../../src/wire/rpc/methods.ts'
import { useCall, useFilter } from '../broker.ts'
import { nanoOf, shortCount, usdCard } from '../format.ts'
import { Loading, Name, Table } from '../parts.tsx'
import { PageHead } from '../shell.tsx'
import { t } from '../strings.ts'

type Model = Result<'models.list'>[number]

const SHOWN = 300

export function Models() {
  const { search, set } = useFilter()
  const query = useCall('models.list', {
    ...(search.search === undefined || search.search === '' ? {} : { search: search.search }),
    ...(search.tab === 'all' ? {} : { available: true }),
  })
  return (
    <>
      <PageHead title={t.pages.models} />
      <div className="row">
        <input
          className="grow"
          type="search"
          aria-label={t.models.search}
          placeholder={t.models.search}
          value={search.search ?? ''}
          onChange={({ target }) => set({ search: target.value })}
        />
        <label>
          <input
            type="checkbox"
            checked={search.tab !== 'all'}
            onChange={({ target }) => set({ tab: target.checked ? undefined : 'all' })}
          />{' '}
          {t.models.available}
        </label>
      </div>
      <Loading query={query}>
        {(models) => (
          <>
            <p className="faint" role="status">
              {t.models.count(models.length)}
            </p>
            <Table
              label={t.pages.models}
              rows={models.slice(0, SHOWN)}
              keyOf={({ id }) => id}
              columns={[
                { name: t.columns.id, cell: ({ id }) => <Name text={id} /> },
                { name: t.columns.kind, cell: ({ kind }) => kind, isExtra: true },
                {
                  name: t.columns.input,
                  isNumber: true,
                  cell: (model) => priceText(model, 'input_usd_per_million'),
                },
                {
                  name: t.columns.output,
                  isNumber: true,
                  cell: (model) => priceText(model, 'output_usd_per_million'),
                },
                {
                  name: t.columns.contextWindow,
                  isNumber: true,
                  isExtra: true,
                  cell: ({ context_window: window }) => (window === undefined ? '—' : shortCount(window)),
                },
                {
                  name: t.columns.provider,
                  isExtra: true,
                  cell: ({ endpoints }) => [...new Set(endpoints.map(({ provider }) => provider))].join(', '),
                },
                {
                  name: t.columns.capabilities,
                  isExtra: true,
                  cell: ({ capabilities }) => (
                    <span className="name faint">{capabilities.join(', ').replaceAll('_', ' ')}</span>
                  ),
                },
              ]}
            />
          </>
        )}
      </Loading>
    </>
  )
}

/** The lowest price of the endpoints that can be used. */
function priceText({ endpoints }: Model, field: 'input_usd_per_million' | 'output_usd_per_million') {
  const usable = endpoints.filter(({ available }) => available)
  const prices = (usable.length > 0 ? usable : endpoints).flatMap((endpoint) => endpoint[field] ?? [])
  const [lowest] = prices.sort((a, b) => (nanoOf(a) < nanoOf(b) ? -1 : 1))
  if (lowest === undefined) return <span className="chip">{t.models.unpriced}</span>
  return nanoOf(lowest) === 0n ? t.models.free : usdCard(lowest)
}
