import { backoffMs } from '../../base/backoff.ts'
import type { Clock } from '../../base/clock.ts'
import { chargeFor, type ReconcileParts } from './reconcile.ts'

export interface ChargeResolverParts extends ReconcileParts {
  readonly clock: Clock
  /** The version of the prices, which corrections name. */
  readonly priceVersion: () => string
  readonly log: { info(details: object, message: string): void; warn(details: object, message: string): void }
}

/** Learns what mothers charge for requests that ended without a word from them: after a crash on either side. */
export interface ChargeResolver {
  /** Looks now, such as when a mother is up again. */
  look(): void
  close(): Promise<void>
}

/** What is older stays as it was booked. */
const MAX_AGE_S = 7 * 86_400
const MAX_AT_ONCE = 200
const PAUSES = { firstMs: 500, maxMs: 60_000 }

export function startChargeResolver(parts: ChargeResolverParts): ChargeResolver {
  const resolver = new Resolver(parts)
  resolver.look()
  return resolver
}

class Resolver implements ChargeResolver {
  readonly #parts: ChargeResolverParts
  #running: Promise<void> | undefined
  #cancel: () => void = () => undefined
  #rounds = 0
  #isClosed = false

  constructor(parts: ChargeResolverParts) {
    this.#parts = parts
  }

  look(): void {
    this.#rounds = 0
    if (this.#running === undefined) this.#start()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancel()
    await this.#running
  }

  #start(): void {
    this.#cancel()
    if (this.#isClosed) return
    this.#running = this.#round()
      .catch((error: unknown) =>
        this.#parts.log.warn({ err: error }, 'charges of mothers could not be booked'),
      )
      .finally(() => {
        this.#running = undefined
        const waitMs = backoffMs(PAUSES, ++this.#rounds)
        if (!this.#isClosed) this.#cancel = this.#parts.clock.after(waitMs, () => this.#start())
      })
  }

  async #round(): Promise<void> {
    const { ledger, clock, log } = this.#parts
    const since = Math.floor(clock.now() / 1000) - MAX_AGE_S
    let booked = 0
    for (const id of ledger.unresolved(since, MAX_AT_ONCE)) {
      if (this.#isClosed) return
      if (await this.#resolve(id)) booked++
    }
    if (booked === 0) return
    // What a mother learns after a crash comes little by little.
    this.#rounds = 0
    log.info({ count: booked }, 'what mothers charge was booked as corrections')
  }

  async #resolve(id: string): Promise<boolean> {
    const { ledger, clock, priceVersion } = this.#parts
    const entry = ledger.find(id)
    if (entry === undefined) return false
    const charge = await chargeFor(id, this.#parts)
    if (charge.type !== 'known') return false
    return await ledger.adopt(entry, charge.costs, { now: clock.now(), priceVersion: priceVersion() })
  }
}
