import type { Command } from 'commander'

import { BrokerError } from '../../base/errors.ts'
import type { Result } from '../../sdk/index.ts'
import { clientOf, describeCommand, type Cli, type Globals } from '../cli.ts'
import { formatUsd, plural } from '../terminal/format.ts'
import { print, printJson, type Terminal } from '../terminal/terminal.ts'
import { parsePastTime } from '../terminal/time-argument.ts'

interface ReconcileOptions extends Globals {
  readonly mother?: string | boolean | undefined
  readonly since?: number | undefined
  readonly until?: number | undefined
}

/** `ledger reconcile`: exits with 1 where a mother says something else. */
export function reconcileCommand(cli: Cli): Command {
  const parseTime = (text: string): number => parsePastTime(text, cli.now())
  return describeCommand(
    'reconcile',
    'Compare the ledger with what the brokers above charge, entry by entry',
    [
      'hero_aibroker ledger reconcile --mother',
      'hero_aibroker ledger reconcile --mother ai_broker_mother2 --since 7d',
    ],
  )
    .option('--mother [id]', 'only this one; all of them without a name')
    .option('--since <when>', 'requests from then on: 7d, 12h, a date, or unix seconds', parseTime)
    .option('--until <when>', 'requests before then', parseTime)
    .action(async (_options: unknown, command: Command) => {
      const { mother: named, since, until, ...globals } = command.optsWithGlobals<ReconcileOptions>()
      const mother = typeof named === 'string' ? named : undefined
      const result = await clientOf(cli, globals).call('ledger.reconcile', { mother, since, until })
      if (globals.json) printJson(cli.terminal, result)
      else printReconciliation(cli.terminal, result)
      const { length } = result.differences
      if (length > 0)
        throw new BrokerError('internal', `${plural(length, 'row')} differ from what the mothers charge`)
    })
}

function printReconciliation(terminal: Terminal, result: Result<'ledger.reconcile'>): void {
  const { compared, equal, open, unanswered, ours_usd, theirs_usd, list_usd, differences } = result
  for (const { id, ours_usd: ours = 'unknown', theirs_usd: theirs = 'unknown' } of differences)
    print(terminal, `${id}  ours ${ours}, theirs ${theirs}`)
  print(
    terminal,
    `${equal} of ${plural(compared, 'row')} equal: ours ${formatUsd(ours_usd)}, theirs ${formatUsd(theirs_usd)}, by our prices ${formatUsd(list_usd)}`,
  )
  if (open > 0) print(terminal, `${open} still running at a mother`)
  if (unanswered > 0) print(terminal, `${unanswered} not compared: their mothers can’t be asked`)
}
