import { MODEL_KINDS } from '../../base/model-kinds.ts'
import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'

import type { Client, Params, Result } from '../../sdk/index.ts'
import { clientOf, describeCommand } from '../cli.ts'
import type { Cli, Globals } from '../cli.ts'
import { UNKNOWN, formatCount, formatSize, formatUsd, plural } from '../terminal/format.ts'
import { refreshModelsCommand, showModelCommand } from './models-show.ts'
import { parseUsdAmount } from '../access/limit-options.ts'
import { printTable } from '../terminal/table.ts'
import type { Column } from '../terminal/table.ts'
import { paint, print, printJson, withoutControls } from '../terminal/terminal.ts'
import type { Terminal } from '../terminal/terminal.ts'

type Model = Result<'models.list'>[number]
type Query = Params<'models.list'>

export function modelsCommand(cli: Cli): Command {
  return describeCommand('models', 'List the available models, with their prices', [
    'hero_aibroker models',
    'hero_aibroker models --all --search "claude sonnet"',
    'hero_aibroker models --can vision --context 200k --max-price 1 --sort price',
    'hero_aibroker models show gpt-4o',
    'hero_aibroker models --quiet | fzf',
  ])
    .option('-s, --search <words>', 'only models whose name has all these words')
    .option('-a, --all', 'also models whose providers have no key here')
    .option('--can <capability>', 'only models that can do this: vision, tool_calling, reasoning …')
    .option('--provider <name>', 'only models that this provider offers')
    .addOption(new Option('--kind <kind>', 'only models of this kind').choices(MODEL_KINDS))
    .option('--context <tokens>', 'only models with at least this context window: 128k, 1M', parseTokenCount)
    .option(
      '--max-price <amount>',
      'only models whose input costs at most this much per million tokens',
      parseUsdAmount,
    )
    .addOption(
      new Option(
        '--sort <order>',
        'by input price (lowest first), context window (longest first) or name',
      ).choices(ORDERS),
    )
    .option('-q, --quiet', 'print only the names')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Globals & Filters>()
      const client = clientOf(cli, options)
      const models = sorted(await client.call('models.list', queryOf(options)), options.sort)
      if (options.json) return printJson(cli.terminal, models)
      if (options.quiet === true) return print(cli.terminal, ...models.map(({ id }) => withoutControls(id)))
      await printModels(cli.terminal, models, client)
    })
    .addCommand(showModelCommand(cli))
    .addCommand(refreshModelsCommand(cli))
}

const ORDERS = ['price', 'context', 'name'] as const

interface Filters {
  readonly search?: string | undefined
  readonly all?: boolean | undefined
  readonly can?: string | undefined
  readonly provider?: string | undefined
  readonly kind?: Query['kind']
  readonly context?: number | undefined
  readonly maxPrice?: string | undefined
  readonly sort?: (typeof ORDERS)[number] | undefined
  readonly quiet?: boolean | undefined
}

function queryOf({ search, all, can, provider, kind, context, maxPrice }: Filters): Query {
  return {
    search,
    kind,
    provider,
    capability: can,
    context_at_least: context,
    input_usd_at_most: maxPrice,
    available: all === true ? undefined : true,
  }
}

/** `128k`, `1M`, `131072` */
function parseTokenCount(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,9})([kM]?)$/.exec(text) ?? []
  if (digits === undefined) throw new InvalidArgumentError('Use a number of tokens, such as 128k or 1M.')
  return Number(digits) * { '': 1, k: 1000, M: 1_000_000 }[unit as '' | 'k' | 'M']
}

/** Sorts the models by `order`, unknown values last; without an order the available models come first. */
function sorted(models: readonly Model[], order: Filters['sort']): readonly Model[] {
  if (order === 'name') return models.toSorted((a, b) => a.id.localeCompare(b.id))
  if (order === 'context') return models.toSorted((a, b) => (b.context_window ?? 0) - (a.context_window ?? 0))
  if (order === 'price') return models.toSorted((a, b) => priceOf(a) - priceOf(b))
  return models.toSorted((a, b) => Number(b.available) - Number(a.available))
}

function priceOf(model: Model): number {
  return Number(firstEndpoint(model)?.input_usd_per_million ?? Infinity)
}

const COLUMNS: readonly Column[] = [
  { title: 'MODEL' },
  { title: 'CONTEXT', align: 'right' },
  { title: 'IN', align: 'right' },
  { title: 'OUT', align: 'right' },
  { title: 'CAN', shrinks: true },
  { title: 'FROM', shrinks: true },
]

async function printModels(terminal: Terminal, models: readonly Model[], client: Client): Promise<void> {
  if (models.length > 0)
    printTable(terminal, COLUMNS, models.map(row), (at) => models[at]?.available !== true)
  const { models: known, available } = await client.call('catalog.status')
  const others = known - available
  const unavailableNote =
    others === 0 ? '' : ` ${formatCount(others)} more need a key of their provider: --all shows them.`
  const lines = [
    models.length === 0
      ? `No model matches.${unavailableNote}`
      : `${plural(models.length, 'model')}.${unavailableNote}`,
    'Prices in US dollars per million tokens, of the endpoint with the highest priority.',
  ]
  print(terminal, '', ...lines.map((line) => paint(terminal, 'dim', line)))
}

function row(model: Model): string[] {
  const first = firstEndpoint(model)
  return [
    model.id,
    formatSize(model.context_window),
    formatUsd(first?.input_usd_per_million),
    formatUsd(first?.output_usd_per_million),
    model.kind === 'chat' ? model.capabilities.join(' ') || UNKNOWN : model.kind,
    providersOf(model).join(' '),
  ]
}

/** The providers of the available endpoints; if no endpoint is available, of all endpoints. */
function providersOf({ available, endpoints }: Model): string[] {
  return endpoints.filter((one) => one.available || !available).map(({ provider }) => provider)
}

/** The endpoint whose price is shown: the one that comes first by availability and priority. */
function firstEndpoint({ endpoints }: Model) {
  return endpoints.toSorted((a, b) => Number(b.available) - Number(a.available) || a.priority - b.priority)[0]
}
