import { BrokerError } from '../../../base/errors.ts'
import { usdText } from '../../../base/money.ts'
import type { AdminServices } from '../../../inference/services/services.ts'
import { payerAddress } from '../../../auth/address.ts'
import { isSameCaller, type Caller } from '../../../auth/caller.ts'
import { readContextLabel } from '../../../auth/context-label.ts'
import type { Tokens } from '../../../auth/tokens.ts'
import type { UsageFilter, UsageSplit } from '../../../ledger/types.ts'
import { readAnchor, signAnchor } from '../../../ledger/verify/anchor.ts'
import { verdictJson } from '../../../ledger/verify/verdict-json.ts'
import type { LimitStore } from '../../../limits/limit-store.ts'
import type { Params, Result } from '../../../wire/rpc/methods.ts'
import { checkProviders } from '../checks/check-providers.ts'
import { checkSubject } from '../checks/check-subject.ts'
import { ownUsage } from '../../../ledger/usage/own-usage.ts'
import type { Handlers, RpcCaller } from '../calls/handler-types.ts'
import { standingRow } from './access/limits-near.ts'
import { wireRefused, wireTotals } from '../../http/usage-json.ts'

export interface AccountingFacts {
  readonly services: AdminServices
  readonly rules: LimitStore
  readonly tokens: Tokens
  /** Whether all addresses of an IPv6 /64 are one caller. */
  readonly rollsUp: boolean
  /** File of the key that signs anchors of the ledger. */
  readonly signingKeyPath: string
}

type AccountingMethod = Exclude<
  Extract<keyof Handlers, `usage.${string}` | `ledger.${string}` | `limits.${string}`>,
  'ledger.reconcile' | 'usage.query' | 'limits.near'
>

/** Usage, the ledger and the limits. */
export function accountingHandlers({
  services,
  rules,
  tokens,
  rollsUp,
  signingKeyPath,
}: AccountingFacts): Pick<Handlers, AccountingMethod> {
  const { ledger, limits, clock } = services
  return {
    'usage.summary': async ({ since, until }, caller) => {
      const whose = caller.role === 'admin' ? {} : ownUsage(caller)
      const filter = { since, until, ...whose }
      const { models, ...totals } = await ledger.summary(filter)
      const refused = (await services.refused?.counts(filter)) ?? []
      return {
        totals: wireTotals(totals),
        models: models.map(({ model, ...own }) => ({ model, ...wireTotals(own) })),
        refused: wireRefused(refused),
      }
    },
    'usage.by_address': async (params) =>
      (await split(services, params, 'ip')).map(([address, counts]) => ({ address, ...counts })),
    'usage.by_context': async (params) =>
      (await split(services, params, 'context')).map(([context, counts]) => ({ context, ...counts })),
    'usage.by_token': async (params) =>
      (await split(services, params, 'token')).map(([token, counts]) => ({ token, ...counts })),
    'usage.by_model': async (params) =>
      (await split(services, params, 'model')).map(([model, counts]) => ({ model, ...counts })),
    'usage.by_day': async (params) =>
      (await split(services, params, 'day')).map(([day, counts]) => ({ day, ...counts })),
    'ledger.verify': async ({ anchor }) =>
      verdictJson(await ledger.verify(anchor === undefined ? undefined : readAnchor(anchor, signingKeyPath))),
    'ledger.anchor': async () => {
      const { broken, head } = await ledger.verify()
      if (broken === undefined) return signAnchor(head, signingKeyPath, Math.floor(clock.now() / 1000))
      const { seq, reason } = broken
      throw new BrokerError(
        'internal',
        `a ledger that does not verify gets no anchor${seq > 0 ? `; row ${seq}` : ''}: ${reason}`,
      )
    },
    'ledger.rerate': async ({ since, until, trial }) => {
      const { endpoints, version } = services.catalog()
      const priceOf = (id: string) => endpoints.get(id)?.price
      const options = { priceOf, priceVersion: version, since, until, isDryRun: trial, now: clock.now() }
      const { difference, ...done } = await ledger.reprice(options)
      return { ...done, difference_usd: usdText(difference), price_version: version }
    },
    'limits.list': async () => rules.list().map(({ subject, rule }) => ({ subject, rule })),
    'limits.set': async ({ subject, rule }) => {
      checkSubject(subject, { tokens, rollsUp })
      checkProviders(rule.providers, services)
      await rules.set(subject, rule)
      return { subject, rule }
    },
    'limits.remove': async ({ subject }) => ({ removed: await rules.remove(subject) }),
    'limits.standing': async (params, caller) =>
      limits.budgetStatus(subjectOf(params, caller)).map(standingRow),
  }
}

async function split(
  { ledger }: AdminServices,
  params: Params<'usage.by_day'>,
  by: UsageSplit,
): Promise<[string, Result<'usage.summary'>['totals']][]> {
  const groups = await ledger.groups(filterOf(params), [by])
  return groups.map((group) => [group[by] ?? '', wireTotals(group)])
}

function filterOf({ since, until, address, context, token }: Params<'usage.by_day'>): UsageFilter {
  const ip = address === undefined ? undefined : (payerAddress(address) ?? address)
  return { since, until, ip, context, token }
}

/** Throws `forbidden` when a caller names another one. */
function subjectOf({ address, context, token }: Params<'limits.standing'>, caller: RpcCaller): Caller {
  if (address === undefined && context === undefined && token === undefined) return caller
  const subject = {
    ip: address === undefined ? caller.ip : (payerAddress(address) ?? address),
    context: context === undefined ? undefined : readContextLabel(context),
    token,
  }
  if (caller.role === 'admin' || isSameCaller(subject, caller)) return subject
  throw new BrokerError(
    'forbidden',
    'only an administrator sees the budgets of other callers; call this without params for your own',
  )
}
