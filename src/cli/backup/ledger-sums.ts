import { plural } from '../terminal/format.ts'
import { paint, type Terminal } from '../terminal/terminal.ts'

interface BackedUpLedger {
  readonly created_at: string
  readonly ledger: {
    readonly head: { readonly requests: number; readonly cost_usd: string }
    readonly problem?: string | undefined
  }
}

/** What the ledger of a backup counts: `the ledger of 2026-01-31T08:00:00.000Z, 12 requests, $0.25`. */
export function ledgerSums({ created_at, ledger }: BackedUpLedger): string {
  const { requests, cost_usd } = ledger.head
  return `the ledger of ${created_at}, ${plural(requests, 'request')}, $${cost_usd}`
}

/** The same with whether it was intact. */
export function ledgerText(terminal: Terminal, backup: BackedUpLedger): string {
  const { problem } = backup.ledger
  return problem === undefined
    ? `${paint(terminal, 'green', 'intact')}  ${ledgerSums(backup)}`
    : `${paint(terminal, 'red', 'not intact')}  ${ledgerSums(backup)}: ${problem}`
}
