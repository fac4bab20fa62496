import { BrokerError } from '../base/errors.ts'
import { money, NOTHING } from '../base/money.ts'
import type { Caller } from '../contexts/caller.ts'
import type { Store } from '../store/store.ts'
import { Balances } from './balances.ts'
import { EntriesTable, type EntrySettlement } from './entries.ts'
import { GroupsTable } from './groups.ts'
import { HoldsTable } from './holds.ts'
import type {
  AddressUsage,
  Balance,
  Entry,
  Hold,
  HoldRequest,
  Settlement,
  UsageFilter,
  UsageSummary,
} from './ledger-types.ts'
import { UsageReports } from './usage.ts'

/** What it cost: a hold before anybody is asked, one entry when it ended, nothing in between and nothing twice. */
export interface Ledger {
  /**
   * Sets aside the most that a request can cost. Once it resolves, the hold survives `kill -9`.
   * Refused with `store-full` when it can't be written; then nothing may be sent upstream.
   */
  hold(request: HoldRequest): Promise<Hold>
  /** Turns a hold into its entry. With a full disk it resolves when there is space again. Twice is a bug and throws. */
  settle(hold: Hold, settlement: Settlement): Promise<void>
  openHolds(): readonly Hold[]
  /**
   * To be called once after the start: what a dead process left open becomes an entry with bounds. Returns how many.
   * With a full disk it waits for space; new holds need not wait for it.
   */
  recover(): Promise<number>
  /** Address and context together are the payer. */
  balance(caller: Caller): Balance
  usage(filter?: UsageFilter): Promise<AddressUsage[]>
  summary(filter?: UsageFilter): Promise<UsageSummary>
  /** Newest start first; `since` in unix seconds. */
  entries(options: { readonly limit: number; readonly since?: number | undefined }): Iterable<Entry>
  find(id: string): Entry | undefined
}

export function createLedger({ store }: { readonly store: Store }): Ledger {
  return new StoredLedger(store)
}

class StoredLedger implements Ledger {
  readonly #store: Store
  readonly #holds: HoldsTable
  readonly #groups: GroupsTable
  readonly #entries: EntriesTable
  readonly #reports: UsageReports
  readonly #balances: Balances
  /** What the process before this one left open. */
  readonly #left: readonly Hold[]
  /** By id. */
  readonly #open = new Map<string, Hold>()
  readonly #settling = new Set<string>()

  constructor(store: Store) {
    this.#store = store
    this.#holds = new HoldsTable(store)
    this.#groups = new GroupsTable(store)
    this.#entries = new EntriesTable(store)
    this.#reports = new UsageReports(store)
    this.#balances = new Balances(store)
    this.#left = this.#holds.all()
    for (const hold of this.#left) this.#setAside(hold)
  }

  async hold(request: HoldRequest): Promise<Hold> {
    const held = request.most ?? NOTHING
    // Counted from the moment it was asked for, so that requests that come together see each other.
    this.#balances.add(request.caller, { held })
    try {
      const rowid = await this.#store.write(() => {
        this.#groups.insert(request)
        return this.#holds.insert(request)
      })
      const hold = { ...request, rowid }
      this.#open.set(hold.id, hold)
      return hold
    } catch (error) {
      this.#balances.add(request.caller, { held: money(NOTHING - held) })
      throw error
    }
  }

  async settle(hold: Hold, settlement: Settlement): Promise<void> {
    await this.#close(hold, settlement)
  }

  openHolds(): readonly Hold[] {
    return [...this.#open.values()]
  }

  async recover(): Promise<number> {
    await Promise.all(this.#left.map((hold) => this.#close(hold, interrupted(hold))))
    return this.#left.length
  }

  balance(caller: Caller): Balance {
    return this.#balances.of(caller)
  }

  usage(filter: UsageFilter = {}): Promise<AddressUsage[]> {
    return this.#reports.byAddress(filter)
  }

  summary(filter: UsageFilter = {}): Promise<UsageSummary> {
    return this.#reports.summary(filter)
  }

  entries({
    limit,
    since,
  }: {
    readonly limit: number
    readonly since?: number | undefined
  }): Iterable<Entry> {
    return this.#entries.newestFirst(since ?? 0, limit)
  }

  find(id: string): Entry | undefined {
    return this.#entries.find(id)
  }

  async #close(hold: Hold, settlement: EntrySettlement): Promise<void> {
    const { id, caller } = hold
    if (!this.#open.has(id) || this.#settling.has(id)) throw settledTwice(id)
    this.#settling.add(id)
    try {
      await this.#store.writeEventually(() => {
        this.#holds.delete(hold)
        this.#entries.insert(hold, settlement)
      })
      this.#open.delete(id)
      const spent = settlement.cost ?? settlement.costHigh ?? NOTHING
      this.#balances.add(caller, { spent, held: money(NOTHING - (hold.most ?? NOTHING)) })
    } finally {
      this.#settling.delete(id)
    }
  }

  #setAside(hold: Hold): void {
    this.#open.set(hold.id, hold)
    this.#balances.add(hold.caller, { held: hold.most ?? NOTHING })
  }
}

/** Whether the provider was reached, and how far it came, died with the process: from nothing to all that was held. */
function interrupted(hold: Hold): EntrySettlement {
  return {
    status: 'interrupted',
    endpoint: undefined,
    provider: undefined,
    attempts: [],
    usage: undefined,
    countSource: 'bounded',
    cost: undefined,
    costLow: NOTHING,
    costHigh: hold.most,
    priceVersion: undefined,
    finishReason: undefined,
    error: 'the broker ended before the request did',
    firstTokenMs: undefined,
    durationMs: undefined,
    referer: undefined,
    title: undefined,
  }
}

function settledTwice(id: string): BrokerError {
  return new BrokerError('internal', `request ${id} has no open hold: it was settled before`)
}
