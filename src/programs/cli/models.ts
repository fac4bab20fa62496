import type { Command } from 'commander'

import type { Result } from '../../sdk/index.ts'
import { clientOf, describeCommand } from './cli.ts'
import type { Cli, Globals } from './cli.ts'
import { UNKNOWN, formatSize, formatUsd, plural } from './format.ts'
import { tableLines } from './table.ts'
import type { Column } from './table.ts'
import { paint, print, printJson, widthOf } from './terminal.ts'
import type { Terminal } from './terminal.ts'

type Model = Result<'models.list'>[number]

export function modelsCommand(cli: Cli): Command {
  return describeCommand('models', 'List the models you can ask for, with their prices', [
    'hero_aibroker models',
    'hero_aibroker models --search "claude sonnet"',
    'hero_aibroker models --available --quiet | fzf',
  ])
    .option('-s, --search <words>', 'only models whose name has all these words')
    .option('-a, --available', 'only models that this broker can answer now')
    .option('-q, --quiet', 'only their names')
    .action(async (_options: unknown, command: Command) => {
      const { search, available, quiet, ...globals } = command.optsWithGlobals<Globals & Filters>()
      const models = await clientOf(cli, globals).call('models.list', { search, available })
      if (globals.json) return printJson(cli.terminal, models)
      if (quiet === true) return print(cli.terminal, ...models.map(({ id }) => id))
      printModels(cli.terminal, models)
    })
}

interface Filters {
  readonly search?: string | undefined
  readonly available?: boolean | undefined
  readonly quiet?: boolean | undefined
}

const COLUMNS: readonly Column[] = [
  { title: 'MODEL' },
  { title: 'CONTEXT', align: 'right' },
  { title: 'IN', align: 'right' },
  { title: 'OUT', align: 'right' },
  { title: 'CAN', shrinks: true },
  { title: 'FROM', shrinks: true },
]

function printModels(terminal: Terminal, models: readonly Model[]): void {
  if (models.length === 0) return print(terminal, 'No model fits. “hero_aibroker models” lists them all.')
  const sorted = models.toSorted((a, b) => Number(b.available) - Number(a.available))
  const [header = '', ...lines] = tableLines(COLUMNS, sorted.map(row), widthOf(terminal))
  print(terminal, paint(terminal, 'bold', header))
  for (const [at, line] of lines.entries()) {
    print(terminal, sorted[at]?.available === true ? line : paint(terminal, 'dim', line))
  }
  print(terminal, '', paint(terminal, 'dim', summary(models)))
}

function row(model: Model): string[] {
  const first = firstAsked(model)
  return [
    model.id,
    formatSize(model.context_window),
    formatUsd(first?.input_usd_per_million),
    formatUsd(first?.output_usd_per_million),
    model.kind === 'chat' ? model.capabilities.join(' ') || UNKNOWN : model.kind,
    model.endpoints.map(({ provider }) => provider).join(' '),
  ]
}

/** Whose price is shown: the endpoint that would be asked first if all are equal otherwise. */
function firstAsked({ endpoints }: Model) {
  return endpoints.toSorted((a, b) => Number(b.available) - Number(a.available) || a.priority - b.priority)[0]
}

function summary(models: readonly Model[]): string {
  const available = models.filter((model) => model.available).length
  return (
    `${plural(models.length, 'model')}, ${available} available now. ` +
    'Prices in US dollars per million tokens, of the endpoint first in line.'
  )
}
