import type { Clock } from '../../base/clock.ts'
import { asBrokerError, BrokerError } from '../../base/errors.ts'
import { money, usdText, ZERO, type Money } from '../../base/money.ts'
import { exchangeWith, type PostJson, type Question } from './lease-exchange.ts'

/** What one request takes out of a lease, until it has ended. */
export interface LeaseShare {
  /** Id of the lease; `undefined` where the mother grants none, so that the request goes without. */
  readonly lease: string | undefined
  /** The request has ended: what it has not spent is free again. Later calls change nothing. */
  end(spent: Money): void
  /** The mother has refused the lease: the next request asks her first. */
  refuse(): void
}

/** What a holder keeps on disk. */
export interface KeptLease {
  readonly id: string
  /** Both in all; they only rise. */
  readonly granted: Money
  readonly returned: Money
}

/** A lease of this broker at a mother, for people. */
export interface HeldLease extends Partial<KeptLease> {
  readonly mother: string
  /** What is asked for in advance. */
  readonly size: Money
  readonly spent: Money
  /** What running requests may cost at most. */
  readonly held: Money
  /** What the next requests may spend without asking the mother. */
  readonly free: Money
  readonly endsInMs: number | undefined
  /** Why the last exchange failed. */
  readonly problem: string | undefined
}

export interface LeaseHolderParts {
  readonly mother: string
  /** What is asked for in advance. */
  readonly size: Money
  readonly clock: Clock
  readonly post: PostJson
  /** What an earlier process of this broker kept. */
  readonly kept: KeptLease | undefined
  /** Resolves when it is on disk. */
  readonly keep: (lease: KeptLease) => Promise<void>
}

interface Lease extends KeptLease {
  granted: Money
  returned: Money
  spent: Money
  held: Money
  /** By the monotonic clock. Before the first exchange of this process it has passed. */
  endsAt: number
}

/** A part of its time is left to the way of the next exchange. */
const TRUSTED_RATIO = 0.9
const RENEW_RATIO = 0.5
/** In percent of the size: with less, the holder asks before a request has to wait. */
const LOW_PERCENT = 30n
/** A refusal holds for so long, or until a request of this broker has ended. */
const REMEMBER_REFUSAL_MS = 100
/** How long requests go without a lease at a mother of an older version, until she is asked again. */
const NO_LEASES_MS = 60_000
const MAX_EXCHANGES = 3

/**
 * Spends a lease of one mother. A request takes its maximum cost out of it at once; only when too little is left does it wait
 * for an exchange, of which one is on its way at a time. The mother decides what is granted and what is spent: a holder that is
 * wrong can refuse a request, and never spend more.
 */
export class LeaseHolder {
  readonly #parts: LeaseHolderParts
  #lease: Lease | undefined
  #asking: Promise<void> | undefined
  #waiting = ZERO
  /** More than what seems to be missing: a request was refused whose cost the mother takes for higher. */
  #missing = ZERO
  #isUsed = false
  #refusedUntil = -Infinity
  #noLeasesUntil = -Infinity
  #problem: string | undefined
  #cancel: () => void = () => undefined
  #isClosed = false

  constructor(parts: LeaseHolderParts) {
    this.#parts = parts
    const { kept } = parts
    if (kept !== undefined) this.#lease = { ...kept, spent: kept.granted, held: ZERO, endsAt: -Infinity }
  }

  get size(): Money {
    return this.#parts.size
  }

  view(): HeldLease {
    const { mother, size, clock } = this.#parts
    const lease = this.#lease
    const isTrusted = lease !== undefined && lease.endsAt > -Infinity
    return {
      mother,
      size,
      ...(lease === undefined ? {} : { id: lease.id, granted: lease.granted, returned: lease.returned }),
      spent: isTrusted ? lease.spent : ZERO,
      held: lease?.held ?? ZERO,
      free: isTrusted ? freeOf(lease) : ZERO,
      endsInMs: isTrusted ? Math.max(0, Math.round(lease.endsAt - clock.monotonic())) : undefined,
      problem: this.#problem,
    }
  }

  /** Rejects with `upstream-denied` when the mother grants too little, or as the exchange with her does. */
  take(most: Money | undefined): LeaseShare | Promise<LeaseShare> {
    if (this.#now < this.#noLeasesUntil) return WITHOUT_LEASE
    this.#isUsed = true
    if (most === undefined) return Promise.reject(this.#tooLittle(most))
    const share = this.#tryTake(most)
    if (share === undefined) return this.#await(most)
    if (this.#isLow && this.#now >= this.#refusedUntil) this.#ask().catch(() => undefined)
    return share
  }

  /** Gives back what is left. Never rejects: a mother that can't be asked takes it at the end of the lease. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancel()
    await this.#asking?.catch(() => undefined)
    await this.#giveBack().catch(() => undefined)
  }

  get #now(): number {
    return this.#parts.clock.monotonic()
  }

  get #isLow(): boolean {
    const lease = this.#lease
    return lease === undefined || freeOf(lease) * 100n < this.#parts.size * LOW_PERCENT
  }

  #tryTake(most: Money): LeaseShare | undefined {
    const lease = this.#lease
    if (lease === undefined || this.#now >= lease.endsAt || freeOf(lease) < most) return undefined
    lease.held = money(lease.held + most)
    return new Share(lease, most, {
      onEnd: () => (this.#refusedUntil = -Infinity),
      onRefuse: () => {
        lease.endsAt = -Infinity
        this.#missing = most
      },
    })
  }

  async #await(most: Money): Promise<LeaseShare> {
    this.#waiting = money(this.#waiting + most)
    try {
      // The exchange that is on its way knows nothing of this request.
      for (let round = this.#asking === undefined ? 1 : 0; round < MAX_EXCHANGES; round++) {
        if (this.#now < this.#refusedUntil) break
        await this.#ask()
        if (this.#now < this.#noLeasesUntil) return WITHOUT_LEASE
        const share = this.#tryTake(most)
        if (share !== undefined) return share
        if (round > 0) this.#refusedUntil = this.#now + REMEMBER_REFUSAL_MS
      }
      throw this.#tooLittle(most)
    } finally {
      this.#waiting = money(this.#waiting - most)
    }
  }

  #ask(): Promise<void> {
    this.#asking ??= this.#exchange().finally(() => (this.#asking = undefined))
    return this.#asking
  }

  /** Renews the lease, and asks for what is missing or gives back what is too much. */
  async #exchange(): Promise<void> {
    try {
      // What is left of a lease of an earlier process, or of one that was refused, the mother knows.
      const isUnknown = this.#lease?.endsAt === -Infinity
      if (isUnknown) await this.#say(this.#lease, ZERO)
      const lease = this.#lease
      const free = lease === undefined ? ZERO : freeOf(lease)
      const { size } = this.#parts
      const short = size + this.#waiting + this.#missing - free
      const surplus = lease !== undefined && free > size * 2n ? money(free - size) : ZERO
      this.#missing = ZERO
      if (surplus > ZERO && lease !== undefined) await this.#keepReturned(lease, surplus)
      const want = money(surplus > ZERO || short < ZERO ? ZERO : short)
      if (!isUnknown || want > ZERO) await this.#say(lease, want)
      this.#problem = undefined
    } catch (error) {
      await this.#onFailure(asBrokerError(error))
    }
  }

  async #onFailure(error: BrokerError): Promise<void> {
    this.#problem = error.message
    const { status } = error.details
    if (status === 404) {
      this.#noLeasesUntil = this.#now + NO_LEASES_MS
      this.#problem = `${this.#parts.mother} grants no leases; she is of an older version`
      return
    }
    if (status !== 402 || this.#lease === undefined) throw error
    // It has ended: what was left of it is the mother's again, and what it paid for she knows.
    this.#lease = undefined
    await this.#say(undefined, money(this.#parts.size + this.#waiting))
    this.#problem = undefined
  }

  async #say(lease: Lease | undefined, want: Money): Promise<void> {
    const { clock, post, keep } = this.#parts
    const sentAt = clock.monotonic()
    const question: Question = {
      id: lease?.id,
      known: lease?.granted ?? ZERO,
      returned: lease?.returned ?? ZERO,
      want,
    }
    const said = await exchangeWith(post, question)
    const current = lease ?? {
      id: said.id,
      granted: ZERO,
      returned: ZERO,
      spent: ZERO,
      held: ZERO,
      endsAt: -Infinity,
    }
    current.granted = greater(current.granted, said.granted)
    current.returned = greater(current.returned, said.returned)
    current.spent = spentBy(current, said.left)
    await keep({ id: current.id, granted: current.granted, returned: current.returned })
    current.endsAt = sentAt + said.endsInMs * TRUSTED_RATIO
    this.#lease = current
    this.#renewAfter(said.endsInMs * RENEW_RATIO)
  }

  #renewAfter(ms: number): void {
    this.#cancel()
    if (this.#isClosed) return
    this.#isUsed = false
    this.#cancel = this.#parts.clock.after(ms, () => {
      const isIdle = !this.#isUsed && (this.#lease?.held ?? ZERO) === ZERO
      const next = isIdle ? this.#giveBack() : this.#ask()
      next.catch(() => {
        // A mother that is away is asked again while requests run under the lease.
        if (!isIdle) this.#renewAfter(RETRY_RENEWAL_MS)
      })
    })
  }

  async #giveBack(): Promise<void> {
    const lease = this.#lease
    if (lease === undefined || freeOf(lease) <= ZERO || this.#now >= lease.endsAt) return
    await this.#keepReturned(lease, freeOf(lease))
    const { id, granted: known, returned } = lease
    await exchangeWith(this.#parts.post, { id, known, returned, want: ZERO })
  }

  /** On disk before it is said, so that no later process spends it. */
  async #keepReturned(lease: Lease, back: Money): Promise<void> {
    lease.returned = money(lease.returned + back)
    const { id, granted, returned } = lease
    await this.#parts.keep({ id, granted, returned })
  }

  #tooLittle(most: Money | undefined): BrokerError {
    const { mother } = this.#parts
    const cost = most === undefined ? 'of unknown cost' : `of up to $${usdText(most)}`
    const reason = this.#problem === undefined ? '' : ` (${this.#problem})`
    return new BrokerError(
      'upstream-denied',
      `the lease at ${mother} does not cover a request ${cost}${reason}`,
      {
        details: { status: 402, isUnsent: true, metadata: { budget: 'lease' } },
      },
    )
  }
}

const RETRY_RENEWAL_MS = 2_000

class Share implements LeaseShare {
  readonly #from: Lease
  readonly #most: Money
  readonly #calls: { onEnd(): void; onRefuse(): void }
  #hasEnded = false

  constructor(from: Lease, most: Money, calls: { onEnd(): void; onRefuse(): void }) {
    this.#from = from
    this.#most = most
    this.#calls = calls
  }

  get lease(): string {
    return this.#from.id
  }

  end(spent: Money): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#from.held = money(this.#from.held - this.#most)
    this.#from.spent = money(this.#from.spent + spent)
    this.#calls.onEnd()
  }

  refuse(): void {
    this.#calls.onRefuse()
  }
}

/** Of a request that needs none. */
export const WITHOUT_LEASE: LeaseShare = { lease: undefined, end: () => undefined, refuse: () => undefined }

function freeOf({ granted, returned, spent, held }: Lease): Money {
  return money(granted - returned - spent - held)
}

/**
 * What was spent, by our own count or the mother's. While nothing runs hers is right. Otherwise she may not have heard of some
 * requests yet, and holds what others may cost: then the smaller figure is safe, as ours adds what they hold.
 */
function spentBy({ granted, returned, spent, held }: Lease, left: Money): Money {
  const hers = greater(money(granted - returned - left), ZERO)
  return held === ZERO || hers < spent ? hers : spent
}

function greater(a: Money, b: Money): Money {
  return a > b ? a : b
}
