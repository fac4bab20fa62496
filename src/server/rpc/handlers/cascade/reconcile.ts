import { usdText, type Money } from '../../../../base/money.ts'
import { reconcile, type Difference, type ReconcileParts } from '../../../../cascade/reconcile/reconcile.ts'
import type { HandlersOf } from '../../calls/handler-types.ts'

export interface ReconcileFacts {
  readonly reconciling: ReconcileParts
}

const MAX_ENTRIES = 1000
/** Beyond any time of a request, in Unix seconds. */
const LATER = 253_402_300_799

export function reconcileHandlers({ reconciling }: ReconcileFacts): HandlersOf<'ledger.reconcile'> {
  return {
    'ledger.reconcile': async ({ mother, since = 0, until = LATER, limit = MAX_ENTRIES }) => {
      const result = await reconcile(reconciling, { since, until, limit, mother })
      const { ours, theirs, list, differences, ...counts } = result
      return {
        ...counts,
        ours_usd: usdText(ours),
        theirs_usd: usdText(theirs),
        list_usd: usdText(list),
        differences: differences.map(differenceRow),
      }
    },
  }
}

function differenceRow({ id, ours, theirs }: Difference) {
  return {
    id,
    ...(ours.cost === undefined ? {} : { ours_usd: usdText(ours.cost) }),
    ...(theirs.cost === undefined ? {} : { theirs_usd: usdText(theirs.cost) }),
    ...highOf('ours_high_usd', ours.costHigh),
    ...highOf('theirs_high_usd', theirs.costHigh),
  }
}

function highOf<N extends string>(name: N, high: Money | undefined): { readonly [K in N]?: string } {
  return (high === undefined ? {} : { [name]: usdText(high) }) as { readonly [K in N]?: string }
}
