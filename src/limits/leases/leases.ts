import type { Caller } from '../../auth/caller.ts'
import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import { randomLetters } from '../../base/ids.ts'
import { money, ZERO, type Money } from '../../base/money.ts'
import { truncate } from '../../base/text.ts'
import { LEASE, type Ledger } from '../../ledger/ledger.ts'
import type { Hold } from '../../ledger/types.ts'
import type { Row } from '../../store/sql.ts'
import type { Store } from '../../store/store.ts'
import type { Limits } from '../limits.ts'

/**
 * A part of a budget that a broker below may spend. In the accounts of its caller it is one hold, out of which the requests
 * under it take theirs: what it holds is what is left of it. `granted` and `returned` only rise.
 */
export interface Lease {
  readonly id: string
  readonly caller: Caller
  readonly granted: Money
  readonly returned: Money
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  /** Names, or prefixes followed by `*`; all without. */
  readonly models: readonly string[] | undefined
  readonly providers: readonly string[] | undefined
  /** What no request under it holds or has spent. */
  readonly left: Money
}

/** What a holder says: the state that it knows, what it gives back, and what it wants. Said twice it changes nothing twice. */
export interface Exchange {
  /** Absent for a new lease. */
  readonly id?: string | undefined
  /** What the holder believes it was granted, in all. A smaller figure than the true one means that an answer was lost. */
  readonly known: Money
  /** What the holder has given back, in all. */
  readonly returned: Money
  /** What it wants besides. */
  readonly want: Money
  readonly models?: readonly string[] | undefined
  readonly providers?: readonly string[] | undefined
}

/** A holder that is not heard of for so long loses what is left. */
export const LEASE_TTL_MS = 60_000
const MAX_LEASES_PER_CALLER = 64

export interface LeasesParts {
  readonly store: Store
  readonly ledger: Ledger
  readonly limits: Pick<Limits, 'allowance'>
  readonly clock: Clock
}

interface OpenLease {
  readonly id: string
  readonly hold: Hold
  granted: Money
  returned: Money
  expiresAt: number
  readonly models: readonly string[] | undefined
  readonly providers: readonly string[] | undefined
  cancel: () => void
}

/** The leases that this broker has granted. They survive a restart, and end at their expiry by its own clock. */
export class Leases {
  readonly #parts: LeasesParts
  readonly #open = new Map<string, OpenLease>()
  readonly #put
  readonly #delete

  constructor(parts: LeasesParts) {
    this.#parts = parts
    const { store, ledger } = parts
    this.#put = store.prepare('INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?, ?)')
    this.#delete = store.prepare('DELETE FROM leases WHERE id = ?')
    const rows = new Map(
      store
        .prepare('SELECT * FROM leases')
        .all()
        .map((row) => [String(row['id']), row]),
    )
    for (const hold of ledger.holdsOf(LEASE)) {
      const row = rows.get(hold.id)
      // A crash between both writes: nobody was told of the lease.
      if (row === undefined) void ledger.dropHold(hold)
      else this.#add(leaseFrom(row, hold))
    }
  }

  list(): readonly Lease[] {
    return [...this.#open.values()].map(viewOf)
  }

  /** The lease that a request of this caller is sent under. Throws `over-budget` for one that has ended, or is another's. */
  find(id: string, { ip, token }: Caller): Lease {
    const lease = this.#open.get(id)
    if (lease !== undefined && lease.hold.caller.ip === ip && lease.hold.caller.token === token)
      return viewOf(lease)
    throw new BrokerError('over-budget', `the lease ${truncate(id)} has ended; ask for a new one`, {
      details: { metadata: { budget: 'lease' } },
    })
  }

  /**
   * Takes money out of a lease for a request whose hold is made in the same turn. `undefined` when less is left, or it has
   * ended; rejects with `store-full`.
   */
  take(id: string, amount: Money): Promise<void> | undefined {
    const lease = this.#open.get(id)
    if (lease === undefined || amount > leftOf(lease)) return undefined
    return this.#parts.ledger.changeHold(lease.hold, money(ZERO - amount))
  }

  /** Gives back what a request under a lease did not spend. After the end of the lease it is simply free. */
  giveBack(id: string, amount: Money): void {
    const lease = this.#open.get(id)
    if (lease === undefined || amount <= ZERO) return
    // The broker stops: what is not written is free at the next start.
    this.#parts.ledger.changeHold(lease.hold, amount).catch(() => undefined)
  }

  /** Grants, renews and takes back in one message. Rejects with `over-budget` for a lease that has ended, and `store-full`. */
  async exchange(caller: Caller, said: Exchange): Promise<Lease> {
    const lease = said.id === undefined ? await this.#create(caller, said) : this.#named(said.id, caller)
    const back = money(said.returned - lease.returned)
    const taken = back > leftOf(lease) ? leftOf(lease) : back > ZERO ? back : ZERO
    // With a lost answer the holder learns of the last grant first.
    const given = said.known === lease.granted && said.want > ZERO ? this.#affordable(lease, said.want) : ZERO
    lease.returned = money(lease.returned + taken)
    lease.granted = money(lease.granted + given)
    this.#renew(lease)
    // The counters are queued before the money, and both in one turn: a crash never leaves money that was not granted.
    const stored = this.#store(lease)
    const change = money(given - taken)
    if (change !== ZERO) await this.#parts.ledger.changeHold(lease.hold, change)
    await stored
    return viewOf(lease)
  }

  /** Ends a lease: what is left is free again. False when there is none of this id. */
  async end(id: string): Promise<boolean> {
    const lease = this.#open.get(id)
    if (lease === undefined) return false
    this.#open.delete(id)
    lease.cancel()
    await this.#parts.ledger.dropHold(lease.hold)
    await this.#parts.store.writeWithRetry(() => void this.#delete.run(id))
    return true
  }

  close(): void {
    for (const { cancel } of this.#open.values()) cancel()
  }

  async #create(caller: Caller, { models, providers }: Exchange): Promise<OpenLease> {
    const own = [...this.#open.values()].filter(({ hold }) => hold.caller.ip === caller.ip)
    if (own.length >= MAX_LEASES_PER_CALLER)
      throw new BrokerError('over-limit', `${caller.ip} has ${own.length} leases; let some of them end`)
    const id = `lease-${randomLetters(20)}`
    const now = this.#parts.clock.now()
    const hold = await this.#parts.ledger.hold({
      id,
      caller,
      kind: LEASE,
      requestedModel: '',
      streamed: false,
      maxCost: ZERO,
      startedAt: now,
    })
    const lease = {
      id,
      hold,
      granted: ZERO,
      returned: ZERO,
      expiresAt: now,
      models,
      providers,
      cancel: NOTHING,
    }
    this.#open.set(id, lease)
    return lease
  }

  #named(id: string, caller: Caller): OpenLease {
    this.find(id, caller)
    const lease = this.#open.get(id)
    if (lease === undefined) throw new BrokerError('over-budget', 'the lease has ended')
    return lease
  }

  /** As much as the budgets of the caller leave. It is held in the same turn, so that no other request gets the same money. */
  #affordable({ hold }: OpenLease, want: Money): Money {
    const free = this.#parts.limits.allowance(hold.caller)?.remaining
    return free !== undefined && free < want ? free : want
  }

  #add(lease: OpenLease): void {
    this.#open.set(lease.id, lease)
    this.#endLater(lease)
  }

  #renew(lease: OpenLease): void {
    lease.expiresAt = this.#parts.clock.now() + LEASE_TTL_MS
    this.#endLater(lease)
  }

  #endLater(lease: OpenLease): void {
    lease.cancel()
    const { clock } = this.#parts
    const ms = Math.min(LEASE_TTL_MS, Math.max(0, lease.expiresAt - clock.now()))
    lease.cancel = clock.after(ms, () => void this.end(lease.id))
  }

  async #store({ id, granted, returned, expiresAt, models, providers }: OpenLease): Promise<void> {
    const values = [id, granted, returned, expiresAt, models?.join(',') ?? null, providers?.join(',') ?? null]
    await this.#parts.store.write(() => void this.#put.run(...values))
  }
}

const NOTHING = (): void => undefined

function leftOf({ hold }: OpenLease): Money {
  return hold.maxCost ?? ZERO
}

function viewOf(lease: OpenLease): Lease {
  const { id, hold, granted, returned, expiresAt, models, providers } = lease
  return { id, caller: hold.caller, granted, returned, expiresAt, models, providers, left: leftOf(lease) }
}

function leaseFrom(row: Row, hold: Hold): OpenLease {
  const list = (name: string): readonly string[] | undefined =>
    row[name] === null ? undefined : String(row[name]).split(',')
  return {
    id: hold.id,
    hold,
    granted: money(BigInt(String(row['granted_nano']))),
    returned: money(BigInt(String(row['returned_nano']))),
    expiresAt: Number(row['expires_at_ms']),
    models: list('models'),
    providers: list('providers'),
    cancel: NOTHING,
  }
}
