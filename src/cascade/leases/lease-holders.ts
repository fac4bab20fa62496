import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import { money, parseUsd, type Money } from '../../base/money.ts'
import type { Store } from '../../store/store.ts'
import type { PostJson } from './lease-exchange.ts'
import {
  LeaseHolder,
  WITHOUT_LEASE,
  type HeldLease,
  type KeptLease,
  type LeaseShare,
} from './lease-holder.ts'

/** A mother under whose lease requests are sent. */
export interface LeasedMother {
  readonly id: string
  /** What is asked for in advance, as US dollars; absent where requests to her need no lease. */
  readonly leaseUsd?: string | undefined
}

/** The leases of this broker at its mothers, as requests use them. */
export interface LeaseTaker {
  /** Whether requests to this mother need a lease. */
  isLeased(mother: string): boolean
  /**
   * Takes the maximum cost of a request out of the lease at a mother. Rejects with `upstream-denied` when she grants too little,
   * and when she can't be asked.
   *
   * @param most `undefined` when no price is known.
   */
  take(mother: string, most: Money | undefined): LeaseShare | Promise<LeaseShare>
}

export interface LeaseHoldersParts {
  readonly store: Store
  readonly clock: Clock
  /** How a mother is asked; `undefined` for one that is not set up. */
  readonly postOf: (mother: string) => PostJson | undefined
}

/** One holder for each mother that has a lease amount. It is kept, with what it holds, until the amount changes. */
export class LeaseHolders implements LeaseTaker {
  readonly #parts: LeaseHoldersParts
  readonly #holders = new Map<string, LeaseHolder>()
  readonly #kept: Map<string, KeptLease>
  readonly #put

  constructor(parts: LeaseHoldersParts) {
    this.#parts = parts
    this.#kept = keptIn(parts.store)
    this.#put = parts.store.prepare('INSERT OR REPLACE INTO held_leases VALUES (?, ?, ?, ?)')
  }

  /** Follows a change of the mothers. What is held at one that needs no lease any more goes back. */
  follow(mothers: readonly LeasedMother[]): void {
    const sizes = new Map(mothers.map(({ id, leaseUsd }) => [id, leaseUsd]))
    for (const [id, holder] of this.#holders) {
      const size = sizes.get(id)
      if (size !== undefined && parseUsd(size) === holder.size) continue
      this.#holders.delete(id)
      void holder.close()
    }
    for (const [id, size] of sizes)
      if (size !== undefined && !this.#holders.has(id))
        this.#holders.set(id, this.#holder(id, parseUsd(size)))
  }

  isLeased(mother: string): boolean {
    return this.#holders.has(mother)
  }

  take(mother: string, most: Money | undefined): LeaseShare | Promise<LeaseShare> {
    return this.#holders.get(mother)?.take(most) ?? WITHOUT_LEASE
  }

  list(): readonly HeldLease[] {
    return [...this.#holders.values()].map((holder) => holder.view())
  }

  /** Gives back what is left, at every mother that can be asked. */
  async close(): Promise<void> {
    await Promise.all([...this.#holders.values()].map((holder) => holder.close()))
  }

  #holder(mother: string, size: Money): LeaseHolder {
    const { store, clock, postOf } = this.#parts
    return new LeaseHolder({
      mother,
      size,
      clock,
      kept: this.#kept.get(mother),
      keep: (lease) => {
        this.#kept.set(mother, lease)
        return store.write(() => void this.#put.run(mother, lease.id, lease.granted, lease.returned))
      },
      post: (path, body) => {
        const post = postOf(mother)
        if (post === undefined) throw new BrokerError('unreachable', `${mother} is not set up`)
        return post(path, body)
      },
    })
  }
}

function keptIn(store: Store): Map<string, KeptLease> {
  const rows = store.prepare('SELECT * FROM held_leases').all()
  return new Map(
    rows.map((row) => [
      String(row['mother']),
      {
        id: String(row['id']),
        granted: money(BigInt(String(row['granted_nano']))),
        returned: money(BigInt(String(row['returned_nano']))),
      },
    ]),
  )
}
