import { Option } from 'commander'
import type { Command } from 'commander'

import { BrokerError } from '../../base/errors.ts'
import type { Result } from '../../sdk/index.ts'
import { clientOf, describeCommand } from '../cli.ts'
import type { Cli, Globals } from '../cli.ts'
import { formatCount, formatUsd, plural } from '../terminal/format.ts'
import { parsePastTime } from '../terminal/time-argument.ts'
import { SPLITS, fetchGroups, totalOf } from './usage-split.ts'
import type { Counts, Filter, Split } from './usage-split.ts'
import { printPlot } from './usage-plot.ts'
import type { Span } from './usage-plot.ts'
import { tableLines } from '../terminal/table.ts'
import type { Column } from '../terminal/table.ts'
import { paint, print, printJson, widthOf } from '../terminal/terminal.ts'
import type { Terminal } from '../terminal/terminal.ts'

type Usage = Result<'usage.summary'>

export function usageCommand(cli: Cli): Command {
  const parseTime = (text: string) => parsePastTime(text, cli.now())
  return describeCommand('usage', 'Show requests, tokens and cost, in total and per model, caller or day', [
    'hero_aibroker usage',
    'hero_aibroker usage --since 7d --plot',
    'hero_aibroker usage --by token --since today',
    'hero_aibroker usage --by day --context lab',
    'hero_aibroker usage --since 2026-01-01 --until 2026-02-01 --json',
  ])
    .option(
      '--since <when>',
      'from then on: 30m, 24h, 7d, today, 2026-01-31 (days of UTC), or unix seconds',
      parseTime,
    )
    .option('--until <when>', 'before then, in the same forms', parseTime)
    .addOption(new Option('--by <what>', 'one line per value of this (default: model)').choices(SPLITS))
    .option('--address <ip>', 'only requests of this address')
    .option('--context <name>', 'only requests of this context; "" for requests without one')
    .option('--token <id>', 'only requests of this token; "" for requests without one')
    .option('--plot', 'also draw it by the hour or the day (default: the last two weeks)')
    .action(async (_options: unknown, command: Command) => {
      const { plot, by, ...options } = command.optsWithGlobals<Globals & Options>()
      const { since, until, address, context, token, ...globals } = options
      const filters = { address, context, token }
      if (by !== undefined || Object.values(filters).some((one) => one !== undefined)) {
        if (plot === true)
          throw new BrokerError(
            'bad-request',
            '--plot shows all requests; leave out --by, --address, --context and --token',
          )
        return showGroups(cli, globals, by ?? 'model', { since, until, ...filters })
      }
      const usage = await clientOf(cli, globals).call('usage.summary', { since, until })
      if (globals.json) return printJson(cli.terminal, usage)
      printUsage(cli.terminal, usage)
      if (plot === true) await printPlot(cli, clientOf(cli, globals), { since, until })
    })
}

interface Options extends Span, Pick<Filter, 'address' | 'context' | 'token'> {
  readonly by?: Split | undefined
  readonly plot?: boolean | undefined
}

async function showGroups(cli: Cli, globals: Globals, by: Split, filter: Filter): Promise<void> {
  const groups = await fetchGroups(clientOf(cli, globals), by, filter)
  if (globals.json) return printJson(cli.terminal, groups)
  const rows = groups.map((group) => [group[by] || '(none)', group] as const)
  printRows(cli.terminal, by, rows, totalOf(groups))
}

const COLUMNS: readonly Column[] = [
  { title: 'REQUESTS', align: 'right' },
  { title: 'PROMPT', align: 'right' },
  { title: 'COMPLETION', align: 'right' },
  { title: 'COST', align: 'right' },
]

function printUsage(terminal: Terminal, { totals, models, refused }: Usage): void {
  printRows(
    terminal,
    'model',
    models.map((one) => [one.model, one]),
    totals,
  )
  const refusals = describeRefusals(refused)
  if (refusals !== undefined) print(terminal, '', paint(terminal, 'yellow', refusals))
}

/** A broker of an earlier version does not count them. */
function describeRefusals(refused: Partial<Usage['refused']> = {}): string | undefined {
  const { over_budget = 0, over_limit = 0, unavailable = 0 } = refused
  const reasons = [
    [over_budget, 'over budget'],
    [over_limit, 'over a rate limit'],
    [unavailable, 'that the broker could not take'],
  ] as const
  const parts = reasons.filter(([number]) => number > 0).map(([number, why]) => `${number} ${why}`)
  if (parts.length === 0) return undefined
  return `Refused, at no cost and without a row: ${parts.join(', ')}.`
}

function printRows(
  terminal: Terminal,
  by: Split,
  groups: readonly (readonly [name: string, counts: Counts])[],
  totals: Counts,
): void {
  if (totals.requests === 0) return print(terminal, 'There were no requests in that time.')
  const rows = [...groups.map(([name, counts]) => row(name, counts)), row('total', totals)]
  const columns = [{ title: by === 'day' ? 'DAY (UTC)' : by.toUpperCase(), shrinks: true }, ...COLUMNS]
  const [header = '', ...lines] = tableLines(columns, rows, widthOf(terminal))
  const last = lines.pop() ?? ''
  print(terminal, paint(terminal, 'bold', header))
  for (const line of lines) print(terminal, line)
  print(terminal, paint(terminal, 'bold', last))
  const notes = describeUncertainty(totals)
  if (notes.length > 0) print(terminal, '', ...notes.map((note) => paint(terminal, 'yellow', note)))
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

/** Whether the cost covers every request exactly. */
function isExact({ unpriced, uncertain_usd }: Counts): boolean {
  return unpriced === 0 && uncertain_usd === '0'
}

function describeUncertainty({ unpriced, uncertain_usd }: Counts): string[] {
  return [
    ...(unpriced === 0
      ? []
      : [`${plural(unpriced, 'response')} of unknown price; not included in the cost.`]),
    ...(uncertain_usd === '0'
      ? []
      : [`Responses of uncertain cost may have cost up to ${formatUsd(uncertain_usd)} more.`]),
  ]
}
