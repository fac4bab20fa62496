import { BoundedMap } from '../base/collections/bounded-map.ts'
import { BrokerError } from '../base/errors.ts'
import {
  accountsOf,
  addressAccount,
  ALL_REQUESTS,
  payerAccount,
  tokenAccount,
  type Account,
} from '../auth/accounts.ts'
import type { Caller } from '../auth/caller.ts'
import type { LimitRule, LimitSubject } from '../wire/rpc/limit-rule.ts'
import { readRule, type Restriction, type Rule } from './limit-rule.ts'

/** One rule that applies to a caller, and the account under which it counts. */
export interface EffectiveLimit {
  readonly account: Account
  /** A name for people: `context “lab” of 10.0.0.1`. */
  readonly name: string
  readonly rule: Rule
}

/** A rule and whom it applies to. */
export interface StoredRule {
  readonly subject: LimitSubject
  readonly rule: LimitRule
}

/** Callers whose limits are cached. */
const MAX_CACHED = 10_000

/** Finds the limits that apply to a caller. */
export class EffectiveLimits {
  /** By the key of their subject. */
  readonly #rules: ReadonlyMap<string, StoredRule>
  readonly #cache = new BoundedMap<string, readonly EffectiveLimit[]>(MAX_CACHED)

  constructor(rules: ReadonlyMap<string, StoredRule>) {
    this.#rules = rules
  }

  /** Widest first; usually none. */
  of(caller: Caller): readonly EffectiveLimit[] {
    if (this.#rules.size === 0) return NO_LIMITS
    const key = accountsOf(caller).join('\n')
    return this.#cache.getOrCreate(key, () => this.#find(caller))
  }

  clearCache(): void {
    this.#cache.clear()
  }

  #find(caller: Caller): EffectiveLimit[] {
    const { ip, context, token } = caller
    const limits: EffectiveLimit[] = []
    const addLimit = (account: Account, name: string, ...keys: readonly string[]): void => {
      const found = keys.flatMap((key) => this.#rules.get(key) ?? [])
      if (found.length > 0) limits.push({ account, name, rule: merged(found) })
    }
    addLimit(ALL_REQUESTS, 'this broker', 'everybody')
    addLimit(addressAccount(ip), ip, `address ${ip}`)
    addLimit(
      payerAccount(caller),
      context === undefined ? ip : `context “${context}” of ${ip}`,
      'default',
      ...(context === undefined ? [] : [`context ${context}`, `payer ${ip} ${context}`]),
    )
    if (token !== undefined) addLimit(tokenAccount(token), `token ${token}`, `token ${token}`)
    return limits
  }
}

/** The restrictions on routing among these limits. */
export function restrictionsOf(limits: readonly EffectiveLimit[]): readonly Restriction[] {
  return limits.length === 0 ? NO_RESTRICTIONS : limits.flatMap(({ rule }) => rule.restriction ?? [])
}

/** Merges rules: a more specific one replaces the fields that it sets. Throws `over-budget` for a rule that can't be parsed. */
function merged(found: readonly StoredRule[]): Rule {
  try {
    return readRule(Object.assign({}, ...found.map(({ rule }) => rule)))
  } catch (error) {
    throw unreadable(found, error as Error)
  }
}

/** Rules are validated when they are set; one that was stored by an older version may contain an amount that is no money. */
function unreadable(found: readonly StoredRule[], { message }: Error): BrokerError {
  const bad = found.filter(({ rule }) => !isReadable(rule)).map(({ subject }) => nameOf(subject))
  return new BrokerError(
    'over-budget',
    `the limit of ${bad.join(' and of ')} can’t be read, so nothing may be spent: ${message}; set it again with limits.set, or take it away with limits.remove`,
  )
}

function isReadable(rule: LimitRule): boolean {
  try {
    readRule(rule)
    return true
  } catch {
    return false
  }
}

function nameOf(subject: LimitSubject): string {
  switch (subject.scope) {
    case 'default':
    case 'everybody':
      return `“${subject.scope}”`
    case 'address':
      return subject.address
    case 'context':
      return `context “${subject.context}”${subject.address === undefined ? '' : ` of ${subject.address}`}`
    case 'token':
      return `token ${subject.token}`
    default:
      return subject satisfies never
  }
}

const NO_LIMITS: readonly EffectiveLimit[] = []
const NO_RESTRICTIONS: readonly Restriction[] = []
