import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { createTokenCounter, type TokenCounter } from '../../inference/usage/token-counter.ts'
import { createLedger, type Ledger } from '../../ledger/ledger.ts'
import { openReports, type Reports } from '../../ledger/reports/reports.ts'
import { createRefusedRequests, type RefusedRequests } from '../../ledger/usage/refused-requests.ts'
import { Leases } from '../../limits/leases/leases.ts'
import { createLimits, type Limits } from '../../limits/limits.ts'
import { openLimitStore, type LimitStore } from '../../limits/limit-store.ts'
import { reading } from '../../store/damage/damage.ts'
import { createEndpointStats, type EndpointStats } from '../../telemetry/endpoint-stats.ts'
import type { DaemonLog } from '../log.ts'
import { startRowRetention } from '../services/row-retention.ts'
import type { DaemonInstance } from './instance.ts'
import type { DaemonStorage } from './storage.ts'

export interface DaemonAccounting {
  readonly ledger: Ledger
  readonly reports: Reports
  readonly limitStore: LimitStore
  readonly limits: Limits
  readonly leases: Leases
  readonly refused: RefusedRequests
  readonly tokenCounter: TokenCounter
  /** Seeded with the latest entries of the ledger. */
  readonly endpointStats: EndpointStats
}

/** The latest entries from which endpoint statistics are seeded: few, as they delay the start. */
const SEED_WINDOW_S = 30 * 60
const MAX_SEED_ENTRIES = 1000

/** Step 2: opens the ledger and the limits, and records in the background what a killed broker left unfinished. */
export function openAccounting(instance: DaemonInstance, { store }: DaemonStorage): DaemonAccounting {
  const { config, clock, log, stack } = instance
  const ledger = reading(store.path, () =>
    createLedger({
      store,
      now: clock.now(),
      onUnsettled: ({ id }, error) =>
        log.error({ err: error, id }, 'a request could not be settled: its hold stays until the next start'),
    }),
  )
  const limitStore = reading(store.path, () => openLimitStore(store, clock))
  const limits = createLimits({ rules: limitStore, ledger, clock })
  const leases = stack.adopt(
    reading(store.path, () => new Leases({ store, ledger, limits, clock })),
    (open) => open.close(),
  )
  const stopClearing = startRowRetention({ ledger, clock, keepDays: config.keepDays }, (error) =>
    log.error({ err: error }, 'old rows of the ledger could not be deleted'),
  )
  stack.defer(stopClearing)
  const tokenCounter = stack.adopt(createTokenCounter(clock), (counter) => counter.close())
  recoverHolds(ledger, log)
  stack.defer(startRollingUp(ledger, clock))
  const endpointStats = createEndpointStats(clock)
  seed(endpointStats, ledger, instance)
  const refused = reading(store.path, () => createRefusedRequests(store, clock))
  stack.defer(() => refused.flush())
  const reports = stack.use(
    openReports({
      path: join(config.dataDir, 'reports.db'),
      sourcePath: store.path,
      whenWritten: () => ledger.whenWritten(),
    }),
  )
  return { ledger, reports, limitStore, limits, leases, refused, tokenCounter, endpointStats }
}

/** A convenience: without it the first requests choose an endpoint without statistics. */
function seed(endpointStats: EndpointStats, ledger: Ledger, { clock, log }: DaemonInstance): void {
  const since = Math.floor(clock.now() / 1000) - SEED_WINDOW_S
  try {
    endpointStats.load(ledger.entries({ limit: MAX_SEED_ENTRIES, since }))
  } catch (error) {
    log.warn(
      { err: error },
      'a recent row of the ledger is damaged, so endpoint statistics start empty: run “hero_aibroker ledger verify”',
    )
  }
}

const ROLL_UP_INTERVAL_MS = 60_000

/**
 * Adds new rows up now, every minute and at the end: what a roll-up knows can't be cut off unnoticed. A full disk is reported
 * elsewhere.
 */
function startRollingUp(ledger: Ledger, clock: Clock): () => Promise<void> {
  const rollUp = (): Promise<void> => ledger.rollUp().catch(() => undefined)
  let cancel: () => void
  const run = (): void => {
    void rollUp()
    cancel = clock.after(ROLL_UP_INTERVAL_MS, run)
  }
  run()
  return async () => {
    cancel()
    await ledger.whenWritten()
    await rollUp()
  }
}

/** Turns holds that a killed broker left open into entries with cost bounds. The start does not wait for it. */
function recoverHolds(ledger: Ledger, log: DaemonLog): void {
  ledger.recover().then(
    (count) => {
      if (count > 0)
        log.warn({ count }, 'unfinished requests of an earlier broker were recorded with cost bounds')
    },
    (error: unknown) =>
      log.error({ err: error }, 'unfinished requests of an earlier broker could not be recorded'),
  )
}
