import type { Clock } from '../base/clock.ts'
import { payerAddress } from '../auth/address.ts'
import type { Caller } from '../auth/caller.ts'
import { readContextLabel } from '../auth/context-label.ts'
import type { Store } from '../store/store.ts'
import type { LimitRule, LimitSubject } from '../wire/rpc/limit-rule.ts'
import { EffectiveLimits, type EffectiveLimit, type StoredRule } from './effective-limits.ts'

/** Stores all limit rules. Changes take effect with the next request and survive a restart. */
export interface LimitStore {
  list(): readonly StoredRule[]
  /** The rule of one subject as it was set. Throws `bad-context`. */
  get(subject: LimitSubject): LimitRule | undefined
  /** Replaces the whole rule of a subject. */
  set(subject: LimitSubject, rule: LimitRule): Promise<void>
  /** False when the subject had no rule. */
  remove(subject: LimitSubject): Promise<boolean>
  /** All limits that apply to a caller, widest first; usually none. */
  limitsFor(caller: Caller): readonly EffectiveLimit[]
}

export function openLimitStore(store: Store, clock: Clock): LimitStore {
  return new SqliteLimitStore(store, clock)
}

class SqliteLimitStore implements LimitStore {
  readonly #store: Store
  readonly #clock: Clock
  readonly #put
  readonly #delete
  readonly #rules = new Map<string, StoredRule>()
  readonly #effective = new EffectiveLimits(this.#rules)

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
    this.#put = store.prepare('INSERT OR REPLACE INTO limit_rules VALUES (?, ?, ?)')
    this.#delete = store.prepare('DELETE FROM limit_rules WHERE subject = ?')
    for (const row of store.prepare('SELECT subject, rule FROM limit_rules').all()) {
      const key = String(row['subject'])
      this.#rules.set(key, {
        subject: subjectOf(key),
        // Validated when it was set. If it is invalid now, requests of its callers are refused, but the broker starts.
        rule: JSON.parse(String(row['rule'])) as LimitRule,
      })
    }
  }

  list(): readonly StoredRule[] {
    return [...this.#rules.values()]
  }

  get(subject: LimitSubject): LimitRule | undefined {
    return this.#rules.get(keyOf(subject))?.rule
  }

  async set(subject: LimitSubject, rule: LimitRule): Promise<void> {
    const key = keyOf(subject)
    await this.#store.write(() =>
      this.#put.run(key, JSON.stringify(rule), Math.floor(this.#clock.now() / 1000)),
    )
    this.#rules.set(key, { subject: subjectOf(key), rule })
    this.#effective.clearCache()
  }

  async remove(subject: LimitSubject): Promise<boolean> {
    const key = keyOf(subject)
    await this.#store.write(() => this.#delete.run(key))
    this.#effective.clearCache()
    return this.#rules.delete(key)
  }

  limitsFor(caller: Caller): readonly EffectiveLimit[] {
    return this.#effective.of(caller)
  }
}

/** The primary key of a subject. Throws `bad-context` for an invalid label. */
function keyOf(subject: LimitSubject): string {
  switch (subject.scope) {
    case 'default':
    case 'everybody':
      return subject.scope
    case 'address':
      return `address ${payerAddress(subject.address) ?? subject.address}`
    case 'context': {
      const label = readContextLabel(subject.context)
      if (subject.address === undefined) return `context ${label}`
      return `payer ${payerAddress(subject.address) ?? subject.address} ${label}`
    }
    case 'token':
      return `token ${subject.token}`
    default:
      return subject satisfies never
  }
}

function subjectOf(key: string): LimitSubject {
  const [scope, first = '', second = ''] = key.split(' ')
  if (scope === 'address') return { scope, address: first }
  if (scope === 'context') return { scope, context: first }
  if (scope === 'payer') return { scope: 'context', address: first, context: second }
  if (scope === 'token') return { scope, token: first }
  return { scope: scope === 'everybody' ? 'everybody' : 'default' }
}

/** Looks limits up in a fixed list of rules. */
export function fixedLimits(rules: readonly StoredRule[]): Pick<LimitStore, 'limitsFor'> {
  const effective = new EffectiveLimits(new Map(rules.map((stored) => [keyOf(stored.subject), stored])))
  return { limitsFor: (caller) => effective.of(caller) }
}
