import { BrokerError } from '../../../../base/errors.ts'
import { usdText } from '../../../../base/money.ts'
import type { AdminServices } from '../../../../inference/services/services.ts'
import { readContextLabel } from '../../../../auth/context-label.ts'
import type { UsageGroup } from '../../../../ledger/types.ts'
import type { StoredRule } from '../../../../limits/effective-limits.ts'
import type { LimitStore } from '../../../../limits/limit-store.ts'
import type { LimitRule, LimitSubject } from '../../../../wire/rpc/limit-rule.ts'
import type { Params, Result } from '../../../../wire/rpc/methods.ts'
import { checkProviders } from '../../checks/check-providers.ts'
import type { HandlersOf } from '../../calls/handler-types.ts'

export interface ContextsFacts {
  readonly services: AdminServices
  readonly rules: LimitStore
  /** Contexts with a socket of their own. */
  readonly contextSockets: readonly string[]
}

type Details = Result<'contexts.get'>
type Pin = Params<'contexts.pin'>['pin']
type Names = 'contexts.list' | 'contexts.get' | 'contexts.pin' | 'contexts.delete'

/** A context is known by its requests, its rules or its socket. Its pin is part of its rules. */
export function contextsHandlers(facts: ContextsFacts): HandlersOf<Names> {
  const { services, rules } = facts
  return {
    'contexts.list': async () => {
      const spent = new Map<string, UsageGroup>()
      for (const group of await services.ledger.groups({}, ['context']))
        if (group.context !== undefined) spent.set(group.context, group)
      const named = rules
        .list()
        .flatMap(({ subject }) => (subject.scope === 'context' ? subject.context : []))
      const names = new Set([...spent.keys(), ...named, ...facts.contextSockets].filter(Boolean))
      return [...names].toSorted().map((name) => summaryOf(name, spent.get(name), facts))
    },
    'contexts.get': async ({ context }) => {
      const found = await detailsOf(readContextLabel(context), facts)
      if (found.requests > 0 || found.rules.length > 0 || found.has_socket) return found
      throw new BrokerError('not-found', `the context “${context}” has no requests and no rules`)
    },
    'contexts.pin': async ({ context, pin, address }) => {
      const name = readContextLabel(context)
      checkProviders(pin.providers, services)
      const subject: LimitSubject = {
        scope: 'context',
        context: name,
        ...(address === undefined ? {} : { address }),
      }
      await replacePin(rules, subject, pin)
      return detailsOf(name, facts)
    },
    'contexts.delete': async ({ context }) => {
      const found = rulesOf(readContextLabel(context), rules)
      for (const { subject } of found) await rules.remove(subject)
      return { removed: found.length }
    },
  }
}

async function replacePin(rules: LimitStore, subject: LimitSubject, pin: Pin): Promise<void> {
  const {
    providers: _providers,
    models: _models,
    local_only: _localOnly,
    regions: _regions,
    no_training: _noTraining,
    no_retention: _noRetention,
    max_hops: _maxHops,
    ...limits
  } = rules.get(subject) ?? {}
  const rule: LimitRule = { ...limits, ...pin }
  if (Object.keys(rule).length === 0) await rules.remove(subject)
  else await rules.set(subject, rule)
}

function summaryOf(
  context: string,
  spent: UsageGroup | undefined,
  { rules, contextSockets }: ContextsFacts,
): Result<'contexts.list'>[number] {
  const pin = pinOf(rules.get({ scope: 'context', context }))
  return {
    context,
    ...spentOf(spent),
    ...(pin === undefined ? {} : { pin }),
    has_socket: contextSockets.includes(context),
  }
}

async function detailsOf(context: string, facts: ContextsFacts): Promise<Details> {
  const { services, rules } = facts
  const [[whole], addresses] = await Promise.all([
    services.ledger.groups({ context }, ['context']),
    services.ledger.groups({ context }, ['ip']),
  ])
  return {
    ...summaryOf(context, whole, facts),
    addresses: addresses.map((group) => ({ address: group.ip ?? '', ...spentOf(group) })),
    rules: rulesOf(context, rules).map(({ subject, rule }) => ({ subject, rule })),
  }
}

function rulesOf(context: string, rules: LimitStore): readonly StoredRule[] {
  return rules.list().filter(({ subject }) => subject.scope === 'context' && subject.context === context)
}

function pinOf(rule: LimitRule | undefined): Pin | undefined {
  if (rule === undefined) return undefined
  const { providers, models, local_only, regions, no_training, no_retention, max_hops } = rule
  const all = { providers, models, local_only, regions, no_training, no_retention, max_hops }
  const pin = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Pin
  return Object.keys(pin).length === 0 ? undefined : pin
}

function spentOf(group: UsageGroup | undefined) {
  if (group === undefined) return { requests: 0, cost_usd: '0', unpriced: 0 }
  const { requests, cost, unpriced, lastSeen } = group
  return {
    requests,
    cost_usd: usdText(cost),
    unpriced,
    ...(lastSeen === undefined ? {} : { last_used: lastSeen }),
  }
}
