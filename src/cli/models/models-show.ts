import type { Command } from 'commander'

import type { Result } from '../../sdk/index.ts'
import { clientOf, describeCommand, globalsOf } from '../cli.ts'
import type { Cli } from '../cli.ts'
import { UNKNOWN, formatSize, formatUsd, plural } from '../terminal/format.ts'
import { printTable } from '../terminal/table.ts'
import { paint, print, printJson, withoutControls } from '../terminal/terminal.ts'
import type { Terminal } from '../terminal/terminal.ts'

type Model = Result<'models.get'>

export function showModelCommand(cli: Cli): Command {
  return describeCommand('show', 'Show one model: its capabilities, providers and prices', [
    'hero_aibroker models show gpt-4o',
    'hero_aibroker models show anthropic/claude-sonnet-4.5',
  ])
    .argument('<name>', 'the broker’s name, OpenRouter’s author/slug, or an endpoint’s provider/model')
    .action(async (model: string, _options: unknown, command: Command) => {
      const globals = globalsOf(command)
      const found = await clientOf(cli, globals).call('models.get', { model })
      if (globals.json) return printJson(cli.terminal, found)
      printModel(cli.terminal, found)
    })
}

export function refreshModelsCommand(cli: Cli): Command {
  return describeCommand('refresh', 'Fetch the model lists of the providers now', [
    'hero_aibroker models refresh',
  ]).action(async (_options: unknown, command: Command) => {
    const globals = globalsOf(command)
    const lists = await clientOf(cli, globals).call('models.refresh')
    if (globals.json) return printJson(cli.terminal, lists)
    if (lists.length === 0) return print(cli.terminal, 'No configured provider publishes a list.')
    for (const { provider, models, problem } of lists)
      print(
        cli.terminal,
        `${provider}: ${problem === undefined ? plural(models, 'model') : keptText(models, problem)}`,
      )
  })
}

function keptText(models: number, problem: string): string {
  const kept = models === 0 ? '' : `; the last list stays in use, ${plural(models, 'model')}`
  return `${withoutControls(problem)}${kept}`
}

const COLUMNS = [
  { title: 'ENDPOINT', shrinks: true },
  { title: 'PRIORITY', align: 'right' },
  { title: 'CONTEXT', align: 'right' },
  { title: 'IN', align: 'right' },
  { title: 'CACHED', align: 'right' },
  { title: 'OUT', align: 'right' },
  { title: 'PRICE OF' },
] as const

function printModel(terminal: Terminal, model: Model): void {
  const { id, display_name, kind, tier, capabilities, context_window, max_output_tokens, endpoints } = model
  const facts = [
    kind,
    tier,
    `context ${formatSize(context_window)}`,
    `output up to ${formatSize(max_output_tokens)}`,
    ...capabilities,
  ]
  const title = paint(terminal, 'bold', withoutControls(id))
  print(terminal, `${title}  ${withoutControls(display_name)}`, withoutControls(facts.join(' · ')), '')
  const sorted = endpoints.toSorted(
    (a, b) => Number(b.available) - Number(a.available) || a.priority - b.priority,
  )
  const rows = sorted.map((one) => [
    one.id,
    String(one.priority),
    formatSize(one.context_window),
    formatUsd(one.input_usd_per_million),
    formatUsd(one.cached_input_usd_per_million),
    formatUsd(one.output_usd_per_million),
    one.price_date ?? UNKNOWN,
  ])
  printTable(terminal, COLUMNS, rows, (at) => sorted[at]?.available !== true)
  const waiting = [...new Set(sorted.filter(({ available }) => !available).map(({ provider }) => provider))]
  const note = waiting.length === 0 ? '' : ` ${waiting.join(', ')}: no key here.`
  print(terminal, '', paint(terminal, 'dim', `Prices in US dollars per million tokens.${note}`))
}
