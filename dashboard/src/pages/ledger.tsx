import { useMutation } from '@tanstack/react-query'
import { call } from '../api.ts'
import { useCall } from '../broker.ts'
import { countText, usdCard, visible } from '../format.ts'
import { Card, Failure, Loading, Spend } from '../parts.tsx'
import { PageHead } from '../shell.tsx'
import { t } from '../strings.ts'

export function Ledger() {
  const totals = useCall('requests.totals', {})
  const verify = useMutation({ mutationFn: () => call('ledger.verify', {}) })
  const rerate = useMutation({ mutationFn: () => call('ledger.rerate', { trial: true }) })
  return (
    <>
      <PageHead title={t.pages.ledger} />
      <p>{t.ledger.hint}</p>
      <Loading query={totals}>
        {({ totals: sum }) => (
          <div className="cards">
            <Card title={t.overview.spend} value={usdCard(sum.cost_usd)} exact={sum.cost_usd}>
              <Spend totals={sum} />
            </Card>
            <Card title={t.overview.requests} value={countText(sum.requests)} />
          </div>
        )}
      </Loading>
      <section className="panel">
        <div className="row">
          <button
            type="button"
            className="primary"
            disabled={verify.isPending}
            onClick={() => verify.mutate()}
          >
            {verify.isPending ? t.ledger.running : t.ledger.verify}
          </button>
          <button type="button" disabled={rerate.isPending} onClick={() => rerate.mutate()}>
            {t.ledger.rerate}
          </button>
        </div>
        {[verify.error, rerate.error].map(
          (error) => error !== null && <Failure key={error.message} error={error} />,
        )}
        <div role="status">
          {verify.data !== undefined && verify.data.broken === undefined && (
            <p className="status finished">
              ✓ {t.ledger.whole(countText(verify.data.rows), countText(verify.data.payers))}
            </p>
          )}
          {verify.data?.broken !== undefined && (
            <p className="status failed">
              ✕ {t.ledger.broken}: {visible(verify.data.broken.id)} {visible(verify.data.broken.reason)}
            </p>
          )}
          {rerate.data !== undefined && (
            <p>{t.ledger.trial(countText(rerate.data.adjusted), usdCard(rerate.data.difference_usd))}</p>
          )}
        </div>
      </section>
    </>
  )
}
