import type { Command } from 'commander'

import type { Result } from '../../sdk/index.ts'
import { clientOf, describeCommand } from './cli.ts'
import type { Cli, Globals } from './cli.ts'
import { formatCount, formatUsd, plural } from './format.ts'
import { readMoment } from './moment.ts'
import { printPlot } from './usage-plot.ts'
import type { Span } from './usage-plot.ts'
import { tableLines } from './table.ts'
import type { Column } from './table.ts'
import { paint, print, printJson, widthOf } from './terminal.ts'
import type { Terminal } from './terminal.ts'

type Usage = Result<'usage.summary'>
type Counts = Usage['totals']

export function usageCommand(cli: Cli): Command {
  const moment = (text: string) => readMoment(text, cli.now())
  return describeCommand('usage', 'Show requests, tokens and cost, in all and per model', [
    'hero_aibroker usage',
    'hero_aibroker usage --since 7d --plot',
    'hero_aibroker usage --since 2026-01-01 --until 2026-02-01 --json',
  ])
    .option('--since <when>', 'from then on: 30m, 24h, 7d, today, 2026-01-31, or unix seconds', moment)
    .option('--until <when>', 'before then, in the same terms', moment)
    .option('--plot', 'also draw it hour by hour or day by day (the last two weeks, unless said otherwise)')
    .action(async (_options: unknown, command: Command) => {
      const { since, until, plot, ...globals } = command.optsWithGlobals<Globals & Options>()
      const usage = await clientOf(cli, globals).call('usage.summary', { since, until })
      if (globals.json) return printJson(cli.terminal, usage)
      printUsage(cli.terminal, usage)
      if (plot === true) await printPlot(cli, clientOf(cli, globals), { since, until })
    })
}

interface Options extends Span {
  readonly plot?: boolean | undefined
}

const COLUMNS: readonly Column[] = [
  { title: 'MODEL', shrinks: true },
  { title: 'REQUESTS', align: 'right' },
  { title: 'PROMPT', align: 'right' },
  { title: 'ANSWER', align: 'right' },
  { title: 'COST', align: 'right' },
]

function printUsage(terminal: Terminal, { totals, models }: Usage): void {
  if (totals.requests === 0) return print(terminal, 'Nothing was asked in that time.')
  const rows = [...models.map((one) => row(one.model, one)), row('total', totals)]
  const [header = '', ...lines] = tableLines(COLUMNS, rows, widthOf(terminal))
  const last = lines.pop() ?? ''
  print(terminal, paint(terminal, 'bold', header), ...lines, paint(terminal, 'bold', last))
  const doubts = sayDoubts(totals)
  if (doubts.length > 0) print(terminal, '', ...doubts.map((doubt) => paint(terminal, 'yellow', doubt)))
}

function row(name: string, counts: Counts): string[] {
  return [
    name,
    formatCount(counts.requests),
    formatCount(counts.prompt_tokens),
    formatCount(counts.completion_tokens),
    `${formatUsd(counts.cost_usd)}${isExact(counts) ? '' : ' + ?'}`,
  ]
}

/** Does the cost hold all there is? */
function isExact({ unpriced, uncertain_usd }: Counts): boolean {
  return unpriced === 0 && uncertain_usd === '0'
}

function sayDoubts({ unpriced, uncertain_usd }: Counts): string[] {
  return [
    ...(unpriced === 0
      ? []
      : [`${plural(unpriced, 'answer')} at a price that nobody knows; not in the cost.`]),
    ...(uncertain_usd === '0'
      ? []
      : [`Answers that were cut off may have cost up to ${formatUsd(uncertain_usd)} more.`]),
  ]
}
