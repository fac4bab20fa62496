import { BrokerError } from '../base/errors.ts'
import { money, ZERO, type Money } from '../base/money.ts'
import { SwapSet, type SwapSetMember } from '../base/collections/swap-set.ts'
import { payerAccount, type Account } from '../auth/accounts.ts'
import type { Caller } from '../auth/caller.ts'
import type { ReadOnlyStore } from '../store/read-only.ts'
import { damagedDatabase } from '../store/damage/damage.ts'
import type { Store } from '../store/store.ts'
import type { Balances } from './balances/balances.ts'
import { EntriesTable, type EntryFilter } from './entries/entries-table.ts'
import type { EntrySettlement } from './entries/entry-row.ts'
import { HoldsTable } from './entries/holds-table.ts'
import { LinksTable, type LinkedRequest } from './entries/links-table.ts'
import type {
  AddressUsage,
  Balance,
  CascadeLink,
  NeedsReview,
  Entry,
  Hold,
  HoldRequest,
  Settlement,
  UsageFilter,
  UsageGroup,
  UsageSplit,
  UsageSummary,
} from './types.ts'
import { adoptionOf, isExact, type ChargedCost } from './adopt-outcome.ts'
import { loadBalances } from './balances/load-balances.ts'
import type { Period } from './balances/periods.ts'
import {
  correctedBy,
  correctionOf,
  type Correction,
  type Repricing,
  type RepricingResult,
} from './reprice.ts'
import { RollUp } from './usage/roll-up.ts'
import { spentOf } from './uncertainty.ts'
import { UsageReports } from './usage/usage-reports.ts'
import { memoryProblems } from './verify/memory-check.ts'
import type { LedgerHead } from './verify/ledger-head.ts'
import type { Problem, Verdict } from './verify/verdict.ts'
import { verifyLedger } from './verify/verify.ts'

/**
 * Accounts for every request: a hold before anything is sent upstream, and one entry when the request has ended. Nothing in
 * between, and nothing twice.
 */
export interface Ledger {
  /**
   * Sets aside the maximum that a request can cost. Once it resolves, the hold survives `kill -9`.
   * Rejects with `store-full` when the hold cannot be written; then nothing may be sent upstream.
   */
  hold(request: HoldRequest): Promise<Hold>
  /**
   * Sets aside more for a running request. The returned hold replaces the old one. As durable as `hold`, and rejects as
   * `hold` does; then the old hold stays.
   */
  increaseHold(hold: Hold, maxCost: Money): Promise<Hold>
  /**
   * Moves money into or out of a hold that is no request, in memory at once. What makes it smaller is written before any hold
   * that is made after it, and rejects with `store-full`, which leaves it as it was; what makes it larger is written after
   * every entry that was settled before, and waits for space.
   */
  changeHold(hold: Hold, by: Money): Promise<void>
  /** Ends a hold that is no request, without an entry: what it still holds is free again. */
  dropHold(hold: Hold): Promise<void>
  /** The holds of this kind that are no requests, those of an earlier process among them. */
  holdsOf(kind: typeof LEASE): readonly Hold[]
  /**
   * Turns a hold into its entry. With a full disk it resolves when there is space again. Settling twice is a bug and throws
   * `internal`.
   */
  settle(hold: Hold, settlement: Settlement): Promise<void>
  /** Turns a hold whose request will not be settled any more into an entry with cost bounds. */
  interrupt(hold: Hold): Promise<void>
  openHolds(): readonly Hold[]
  /**
   * To be called once after the start: turns the holds that a dead process left open into entries with cost bounds. Resolves
   * with their number. With a full disk it waits for space; new holds do not wait for it.
   */
  recover(): Promise<number>
  /** The balance of a payer (address and context together) over all time. */
  balance(caller: Caller): Balance
  /** The balance of an account in the period that contains `now` (milliseconds since the epoch). */
  balanceIn(account: Account, period: Period, now: number): Balance
  /**
   * Resolves when every entry that was settled before is in the database; entries are written a moment after `settle` is
   * called.
   */
  whenWritten(): Promise<void>
  usage(filter?: UsageFilter): Promise<AddressUsage[]>
  summary(filter?: UsageFilter): Promise<UsageSummary>
  /** Usage totals, split by any of address, context, token, model and day. */
  groups(filter: UsageFilter, split: readonly UsageSplit[]): Promise<UsageGroup[]>
  /** Entries by their start, newest first; read page by page, so that any number of them needs no more memory than a page. */
  entries(filter: EntryFilter): Iterable<Entry>
  find(id: string): Entry | undefined
  /** The place of a request in a cascade; `undefined` for one without a place. */
  linkOf(id: string): LinkedRequest | undefined
  /** Ids of requests of `since` (Unix seconds) or later whose charge by brokers above is not known exactly. */
  unresolved(since: number, limit: number): readonly string[]
  /** Requests that went to brokers above alone, newest first, with what they cost by our own prices. */
  upward(filter: {
    since: number
    until: number
    limit: number
  }): readonly { id: string; listCost: Money | undefined }[]
  /** Books what a broker above charges for an entry, as a correction. False when the entry says so already. */
  adopt(
    entry: Entry,
    charged: ChargedCost,
    at: { readonly now: number; readonly priceVersion: string },
  ): Promise<boolean>
  /** Requests by the id that a broker below gave them, or by that of one of their attempts. */
  linkedTo(childRequest: string): readonly LinkedRequest[]
  /** The cost of an entry with its bounds and with its corrections; `undefined` while it is unknown. */
  correctedCost(entry: Entry): Pick<Settlement, 'cost' | 'costLow' | 'costHigh'>
  /** The entries that need an administrator's attention, of requests that started at `since` (Unix seconds) or later. */
  needsReview(since: number): NeedsReview
  /** Computes past costs again and books the differences as entries of their own; no entry ever changes. */
  reprice(repricing: Repricing): Promise<RepricingResult>
  /**
   * Checks that every row is still as it was written, that all totals are their sums, and that the file has what this process
   * knows of it. A head that was kept elsewhere also proves that no end was cut off and that this is no old copy.
   */
  verify(anchor?: LedgerHead): Promise<Verdict>
  /** Adds new rows up, so that cutting them off is noticed by the file itself. */
  rollUp(): Promise<void>
  /**
   * Deletes rows that started before that day (counted from 1970-01-01 UTC); totals stay exact. Resolves with their number.
   */
  clear(beforeDay: number): Promise<number>
}

/** What a ledger needs. */
export interface LedgerOptions {
  readonly store: Store
  /** The time that selects the periods for which balances are loaded, in milliseconds since the epoch. */
  readonly now?: number | undefined
  /** Called when a hold could not be settled, besides the rejection: it stays open and is recorded at the next start. */
  readonly onUnsettled?: ((hold: Hold, error: unknown) => void) | undefined
}

/** A ledger on a store whose migrations have run. Holds that are open in it count in the balances from the start. */
export function createLedger({ store, now = Date.now(), onUnsettled }: LedgerOptions): Ledger {
  return new StoredLedger(store, now, onUnsettled)
}

/** Number of entries that are repriced before other events get their turn. */
const REPRICED_AT_ONCE = 200

class StoredLedger implements Ledger {
  readonly #store: Store
  readonly #holds: HoldsTable
  readonly #entries: EntriesTable
  readonly #links: LinksTable
  readonly #reports: UsageReports
  readonly #rollUp: RollUp
  #balances: Balances
  /** Holds that the previous process left open. */
  readonly #orphans: readonly OpenHold[]
  readonly #open = new SwapSet<OpenHold>()
  readonly #onUnsettled: LedgerOptions['onUnsettled']

  constructor(store: Store, now: number, onUnsettled: LedgerOptions['onUnsettled']) {
    this.#store = store
    this.#onUnsettled = onUnsettled
    this.#links = new LinksTable(store)
    this.#holds = new HoldsTable(store, this.#links)
    this.#entries = new EntriesTable(store)
    this.#rollUp = new RollUp(store)
    this.#reports = new UsageReports(store, this.#rollUp)
    this.#balances = loadBalances(store, now)
    const stored = this.#holds.all().map((hold) => new OpenHold(hold, hold.rowid))
    this.#orphans = stored.filter(({ kind }) => kind !== LEASE)
    for (const hold of stored) this.#addOpen(hold)
  }

  hold(request: HoldRequest): Promise<Hold> {
    const held = request.maxCost ?? ZERO
    // Counted before it is written, so that concurrent requests see each other's holds.
    this.#balances.add(request.caller, request.startedAt, { held })
    const hold = new OpenHold(request, NOT_WRITTEN)
    this.#open.add(hold)
    return new Promise((resolve, reject) => {
      this.#store.queue({
        waitsForSpace: false,
        autocommit: request.group === undefined && request.link === undefined,
        run: () => this.#holds.insert(request),
        resolve: (rowid) => {
          hold.rowid = rowid
          resolve(hold)
        },
        reject: (error) => {
          this.#open.delete(hold)
          this.#balances.add(request.caller, hold.bookedAt, { held: money(ZERO - held) })
          reject(error)
        },
      })
    })
  }

  async increaseHold(hold: Hold, maxCost: Money): Promise<Hold> {
    const { caller } = hold
    const more = money(maxCost - (hold.maxCost ?? ZERO))
    const before = this.#openHold(hold)
    this.#balances.add(caller, before?.bookedAt ?? hold.startedAt, { held: more })
    if (before !== undefined) before.increase = more
    try {
      await this.#store.write(() => this.#holds.increase(hold, maxCost))
      const increased = new OpenHold({ ...hold, maxCost }, hold.rowid)
      if (before !== undefined) {
        increased.bookedAt = before.bookedAt
        this.#open.delete(before)
      }
      this.#open.add(increased)
      return increased
    } catch (error) {
      if (before !== undefined) before.increase = ZERO
      this.#balances.add(caller, before?.bookedAt ?? hold.startedAt, { held: money(ZERO - more) })
      throw error
    }
  }

  async changeHold(hold: Hold, by: Money): Promise<void> {
    const open = this.#openHold(hold)
    if (open === undefined) throw settledTwice(hold.id)
    open.maxCost = money((open.maxCost ?? ZERO) + by)
    this.#balances.add(open.caller, open.bookedAt, { held: by })
    if (by > ZERO) return this.#store.writeWithRetry(() => this.#holds.change(open, by))
    try {
      await this.#store.write(() => this.#holds.change(open, by))
    } catch (error) {
      open.maxCost = money(open.maxCost - by)
      this.#balances.add(open.caller, open.bookedAt, { held: money(ZERO - by) })
      throw error
    }
  }

  async dropHold(hold: Hold): Promise<void> {
    const open = this.#openHold(hold)
    if (open === undefined) return
    this.#open.delete(open)
    this.#balances.add(open.caller, open.bookedAt, { held: money(ZERO - (open.maxCost ?? ZERO)) })
    await this.#store.writeWithRetry(() => this.#holds.delete(open))
  }

  holdsOf(kind: typeof LEASE): readonly Hold[] {
    return this.#open.list().filter((hold) => hold.kind === kind)
  }

  settle(hold: Hold, settlement: Settlement): Promise<void> {
    return this.#close(hold, settlement)
  }

  interrupt(hold: Hold): Promise<void> {
    return this.#close(hold, interrupted(hold))
  }

  openHolds(): readonly Hold[] {
    const all = this.#open.list()
    return all.some(({ kind }) => kind === LEASE) ? all.filter(({ kind }) => kind !== LEASE) : all
  }

  async recover(): Promise<number> {
    await Promise.all(this.#orphans.map((hold) => this.#close(hold, interrupted(hold))))
    return this.#orphans.length
  }

  balance(caller: Caller): Balance {
    return this.#balances.of(caller)
  }

  balanceIn(account: Account, period: Period, now: number): Balance {
    if (this.#balances.isAheadOf(now)) this.#reloadBalances(now)
    return this.#balances.in(account, period, now)
  }

  async usage(filter: UsageFilter = {}): Promise<AddressUsage[]> {
    await this.whenWritten()
    return this.#reports.byAddress(filter)
  }

  async summary(filter: UsageFilter = {}): Promise<UsageSummary> {
    await this.whenWritten()
    return this.#reports.summary(filter)
  }

  async groups(filter: UsageFilter, split: readonly UsageSplit[]): Promise<UsageGroup[]> {
    await this.whenWritten()
    return this.#reports.groups(filter, split)
  }

  whenWritten(): Promise<void> {
    // With a full disk this resolves at once, and reports lack what is not written yet.
    return this.#store.whenDrained()
  }

  entries(filter: EntryFilter): Iterable<Entry> {
    return this.#entries.newestFirst(filter)
  }

  find(id: string): Entry | undefined {
    return this.#entries.find(id)
  }

  linkedTo(childRequest: string): readonly LinkedRequest[] {
    return this.#links.ofChild(childRequest)
  }

  linkOf(id: string): LinkedRequest | undefined {
    return this.#links.find(id)
  }

  unresolved(since: number, limit: number): readonly string[] {
    return this.#links.unresolved(since, limit)
  }

  upward({ since, until, limit }: { since: number; until: number; limit: number }) {
    return this.#links.upward(since, until, limit)
  }

  async adopt(
    entry: Entry,
    charged: ChargedCost,
    at: { readonly now: number; readonly priceVersion: string },
  ): Promise<boolean> {
    const correction = adoptionOf(entry, this.#entries.adjustmentsOf(entry.id), charged, at)
    if (correction !== undefined) await this.#correct(correction)
    if (isExact(charged)) await this.#store.write(() => this.#links.resolve(entry.id, { isExact: true }))
    return correction !== undefined
  }

  correctedCost(entry: Entry): Pick<Settlement, 'cost' | 'costLow' | 'costHigh'> {
    const corrections = this.#entries.adjustmentsOf(entry.id)
    return corrections.length === 0 ? entry : correctedBy(entry, corrections)
  }

  needsReview(since: number): NeedsReview {
    return this.#entries.needsReview(since)
  }

  async reprice(repricing: Repricing): Promise<RepricingResult> {
    let [looked, adjusted, difference] = [0, 0, ZERO]
    for (const entry of this.#entries.newestFirst(repricing)) {
      const correction = correctionOf(entry, this.#entries.adjustmentsOf(entry.id), repricing)
      if (++looked % REPRICED_AT_ONCE === 0) await new Promise(setImmediate)
      if (correction === undefined) continue
      if (repricing.isDryRun !== true) await this.#correct(correction)
      adjusted++
      difference = money(difference + correction.cost)
    }
    return { looked, adjusted, difference }
  }

  async #correct({ request, settlement, adjustment, spent }: Correction): Promise<void> {
    await this.#store.write(this.#entries.writing(request, settlement, adjustment))
    this.#balances.add(request.caller, request.startedAt, { spent })
    this.#rollUp.rowAdded()
  }

  async verify(anchor?: LedgerHead): Promise<Verdict> {
    await this.whenWritten()
    using snapshot = this.#store.snapshot()
    try {
      // Both are of this moment: nothing else runs between them.
      const problems = this.#store.isWritable() ? this.#memoryProblems(snapshot) : []
      return await verifyLedger(snapshot, { anchor, problems })
    } catch (error) {
      throw damagedDatabase(this.#store.path, error)
    }
  }

  rollUp(): Promise<void> {
    return this.#rollUp.run()
  }

  #memoryProblems(snapshot: ReadOnlyStore): readonly Problem[] {
    const unwritten = new Map<string, bigint>()
    for (const { caller, spent = ZERO } of this.#open.list()) {
      const payer = payerAccount(caller)
      unwritten.set(payer, (unwritten.get(payer) ?? ZERO) + spent)
    }
    return memoryProblems(snapshot, {
      heads: this.#entries.heads,
      spentBy: (caller) => this.#balances.of(caller).spent - (unwritten.get(payerAccount(caller)) ?? ZERO),
    })
  }

  async clear(beforeDay: number): Promise<number> {
    const cleared = await this.#rollUp.clear(beforeDay)
    if (cleared > 0) await this.#store.write(() => this.#links.clear())
    return cleared
  }

  #close(hold: Hold, settlement: EntrySettlement): Promise<void> {
    const { caller } = hold
    const open = this.#openHold(hold)
    if (open === undefined || open.spent !== undefined) return Promise.reject(settledTwice(hold.id))
    // Counted before it is written: the next request must not wait for the disk to use money that was held in vain.
    const spent = spentOf(settlement)
    open.spent = spent
    this.#balances.add(caller, open.bookedAt, { spent, held: money(ZERO - (hold.maxCost ?? ZERO)) })
    const writeEntry = this.#entries.writing(hold, settlement)
    return new Promise((resolve, reject) => {
      this.#store.queue({
        waitsForSpace: true,
        run: () => {
          this.#holds.delete(hold)
          writeEntry()
          if (hold.link?.mothers !== undefined)
            this.#links.resolve(hold.id, { isExact: isExact(settlement), listCost: settlement.listCost })
        },
        resolve: () => {
          this.#open.delete(open)
          this.#rollUp.rowAdded()
          resolve()
        },
        reject: (error) => {
          // The hold stays open, so it counts as one again.
          open.spent = undefined
          this.#balances.add(caller, open.bookedAt, { spent: money(ZERO - spent), held: hold.maxCost })
          this.#onUnsettled?.(hold, error)
          reject(error)
        },
      })
    })
  }

  /** Finds the open hold also by its data, because a hold may come from an earlier ledger on the same store. */
  #openHold(hold: Hold): OpenHold | undefined {
    if (hold instanceof OpenHold && this.#open.has(hold)) return hold
    return this.#open.list().find(({ id, rowid }) => id === hold.id && rowid === hold.rowid)
  }

  /**
   * When the clock has gone back, hours and days that were over are running again, and the balances no longer have what was
   * spent in them. It is loaded from the store; what was booked under later times counts for the current period.
   */
  #reloadBalances(now: number): void {
    const balances = loadBalances(this.#store, now)
    for (const hold of this.#open.list()) {
      const { caller, maxCost, increase, spent } = hold
      hold.bookedAt = Math.min(hold.startedAt, now)
      const held = spent === undefined ? money((maxCost ?? ZERO) + increase) : undefined
      balances.add(caller, hold.bookedAt, { held, spent })
    }
    this.#balances = balances
  }

  #addOpen(hold: OpenHold): void {
    this.#open.add(hold)
    this.#balances.add(hold.caller, hold.startedAt, { held: hold.maxCost ?? ZERO })
  }
}

/** The kind of a hold that is a lease: money that a broker below may spend. */
export const LEASE = 'lease'

/** The rowid of a hold that is not written yet. */
const NOT_WRITTEN = -1

/** An open hold of this ledger, with the amounts that are being written. */
class OpenHold implements Hold, SwapSetMember {
  place = -1
  /** The cost of the settled request, while its entry is being written. */
  spent: Money | undefined
  /** The amount that an increase adds, while it is being written. */
  increase = ZERO
  /** The time under which the balances count the hold: its start, unless the clock has gone back to before it. */
  bookedAt: number
  readonly id: string
  readonly caller: Caller
  readonly kind: string
  readonly requestedModel: string
  readonly streamed: boolean
  maxCost: Money | undefined
  readonly startedAt: number
  readonly group: string | undefined
  readonly referer: string | undefined
  readonly title: string | undefined
  readonly link: CascadeLink | undefined
  rowid: number

  constructor(request: HoldRequest, rowid: number) {
    this.id = request.id
    this.caller = request.caller
    this.kind = request.kind
    this.requestedModel = request.requestedModel
    this.streamed = request.streamed
    this.maxCost = request.maxCost
    this.startedAt = request.startedAt
    this.bookedAt = request.startedAt
    this.group = request.group
    this.referer = request.referer
    this.title = request.title
    this.link = request.link
    this.rowid = rowid
  }
}

/** The process died with its knowledge of how far the request came, so the cost is between nothing and all that was held. */
function interrupted({ maxCost }: Hold): EntrySettlement {
  const isFree = maxCost === ZERO
  return {
    status: 'interrupted',
    endpoint: undefined,
    provider: undefined,
    attempts: [],
    usage: undefined,
    countSource: isFree ? 'none' : 'bounded',
    cost: isFree ? ZERO : undefined,
    costLow: isFree ? undefined : ZERO,
    costHigh: isFree ? undefined : maxCost,
    priceVersion: undefined,
    finishReason: undefined,
    error: 'the broker stopped before the request ended',
    firstTokenMs: undefined,
    durationMs: undefined,
  }
}

function settledTwice(id: string): BrokerError {
  return new BrokerError('internal', `request ${id} has no open hold: it was settled before`)
}
