import { asBrokerError, type BrokerError } from '../../base/errors.ts'
import { money, ZERO, type Money } from '../../base/money.ts'
import type { LeaseShare } from '../../cascade/leases/lease-holder.ts'
import type { LeaseTaker } from '../../cascade/leases/lease-holders.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import type { Settlement } from '../../ledger/types.ts'
import { spentOf } from '../../ledger/uncertainty.ts'
import type { GrantedRequest } from '../budget/affordable-candidates.ts'
import type { AttemptOutcome } from './attempt-outcome.ts'
import { maxAttemptCost } from './reservation.ts'

interface Taken {
  readonly share: LeaseShare
  readonly most: Money
}

/** What one request has taken out of this broker's leases at brokers above. */
export class LeaseShares {
  readonly #leases: LeaseTaker
  #taken: Taken[] = []

  constructor(leases: LeaseTaker) {
    this.#leases = leases
  }

  /**
   * Takes what an attempt can cost; an error when the mother grants too little, or can't be asked.
   *
   * @param byteLength of the body that she is to be sent.
   */
  async take(
    granted: GrantedRequest,
    endpoint: Endpoint,
    byteLength: number,
  ): Promise<LeaseShare | BrokerError> {
    const most = maxAttemptCost(granted, endpoint, byteLength)
    try {
      const share = await this.#leases.take(endpoint.provider, most)
      this.#taken.push({ share, most: most ?? ZERO })
      return share
    } catch (error) {
      return asBrokerError(error)
    }
  }

  /** The mother refused the attempt without spending anything. */
  refuse(share: LeaseShare): void {
    this.#taken = this.#taken.filter((one) => one.share !== share)
    share.refuse()
    share.end(ZERO)
  }

  /** The request has ended: what it has spent is shared out over its attempts, none of which got more than it took. */
  end(settlement: Settlement): void {
    let rest = spentOf(settlement)
    this.#taken.forEach(({ share, most }, at) => {
      const isLast = at === this.#taken.length - 1
      const spent = isLast || rest < most ? rest : most
      rest = money(rest - spent)
      share.end(spent)
    })
  }
}

/** Whether a mother refused the lease of an attempt of which the caller has seen nothing. */
export function isOverLease(outcome: AttemptOutcome): boolean {
  return outcome.type === 'failed' && !outcome.isPartial && outcome.error.details.isOverLease === true
}
