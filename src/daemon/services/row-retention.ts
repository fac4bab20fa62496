import type { Clock } from '../../base/clock.ts'
import type { Ledger } from '../../ledger/ledger.ts'

const DAY_MS = 86_400_000
const CLEAR_INTERVAL_MS = 3_600_000
/** The first run waits until the broker has started. */
const FIRST_CLEAR_MS = 60_000

/** Deletes rows that are older than `keepDays`, every hour. The returned function stops it. */
export function startRowRetention(
  { ledger, clock, keepDays }: { ledger: Ledger; clock: Clock; keepDays: number },
  onError: (error: unknown) => void,
): () => void {
  let cancel = clock.after(FIRST_CLEAR_MS, run)
  return () => cancel()

  function run(): void {
    const today = Math.floor(clock.now() / DAY_MS)
    ledger.clear(today - keepDays).catch(onError)
    cancel = clock.after(CLEAR_INTERVAL_MS, run)
  }
}
