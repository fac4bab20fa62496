import {
  accountsOf,
  addressAccount,
  EVERYBODY,
  payerAccount,
  tokenAccount,
  type Account,
} from '../contexts/accounts.ts'
import type { Caller } from '../contexts/caller.ts'
import type { LimitRule, LimitSubject } from '../wire/limits.ts'
import { readRule, type Rule } from './rules.ts'

/** One rule that binds a caller, and what it counts under. */
export interface Bound {
  readonly account: Account
  /** For people: `context “lab” of 10.0.0.1`. */
  readonly name: string
  readonly rule: Rule
}

export interface StoredRule {
  readonly subject: LimitSubject
  readonly rule: LimitRule
}

/** Callers whose bounds are remembered; then it starts anew. */
const MOST_REMEMBERED = 10_000

/** Which rules bind a caller. */
export class RuleBounds {
  /** By the key of their subject. */
  readonly #rules: ReadonlyMap<string, StoredRule>
  readonly #remembered = new Map<string, readonly Bound[]>()

  constructor(rules: ReadonlyMap<string, StoredRule>) {
    this.#rules = rules
  }

  /** Widest first; usually none. */
  of(caller: Caller): readonly Bound[] {
    if (this.#rules.size === 0) return NO_BOUNDS
    const key = accountsOf(caller).join('\n')
    const known = this.#remembered.get(key)
    if (known !== undefined) return known
    if (this.#remembered.size >= MOST_REMEMBERED) this.#remembered.clear()
    const bounds = this.#find(caller)
    this.#remembered.set(key, bounds)
    return bounds
  }

  rulesChanged(): void {
    this.#remembered.clear()
  }

  #find(caller: Caller): Bound[] {
    const { ip, context, token } = caller
    const bounds: Bound[] = []
    const bind = (account: Account, name: string, ...keys: readonly string[]): void => {
      const rules = keys.flatMap((key) => this.#rules.get(key)?.rule ?? [])
      // The more special rule replaces what it names and leaves the rest.
      if (rules.length > 0) bounds.push({ account, name, rule: readRule(Object.assign({}, ...rules)) })
    }
    bind(EVERYBODY, 'this broker', 'everybody')
    bind(addressAccount(ip), ip, `address ${ip}`)
    bind(
      payerAccount(caller),
      context === undefined ? ip : `context “${context}” of ${ip}`,
      'default',
      ...(context === undefined ? [] : [`context ${context}`, `payer ${ip} ${context}`]),
    )
    if (token !== undefined) bind(tokenAccount(token), `token ${token}`, `token ${token}`)
    return bounds
  }
}

const NO_BOUNDS: readonly Bound[] = []
