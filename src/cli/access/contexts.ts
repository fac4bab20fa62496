import { Option } from 'commander'
import type { Command } from 'commander'

import { BrokerError } from '../../base/errors.ts'
import type { Result } from '../../sdk/index.ts'
import { clientOf, describeCommand, globalsOf } from '../cli.ts'
import type { Cli, Globals } from '../cli.ts'
import { UNKNOWN, formatCount, formatSeconds, formatUsd, plural } from '../terminal/format.ts'
import { formatRule, parseHops } from './limit-options.ts'
import { printTable } from '../terminal/table.ts'
import { print, printJson } from '../terminal/terminal.ts'

type Context = Result<'contexts.list'>[number]
type Details = Result<'contexts.get'>

export function contextsCommand(cli: Cli): Command {
  return describeCommand(
    'contexts',
    'Show Hero’s contexts: what each spent and which providers and models it may use',
    [
      'hero_aibroker contexts',
      'hero_aibroker contexts show lab',
      'hero_aibroker contexts pin lab --local-only',
      'hero_aibroker limits set context:lab --usd-per-day 5',
    ],
  )
    .action(async (_options: unknown, command: Command) => {
      const globals = globalsOf(command)
      const contexts = await clientOf(cli, globals).call('contexts.list')
      if (globals.json) return printJson(cli.terminal, contexts)
      printContexts(cli, contexts)
    })
    .addCommand(showCommand(cli))
    .addCommand(pinCommand(cli))
    .addCommand(unpinCommand(cli))
    .addCommand(deleteCommand(cli))
}

function showCommand(cli: Cli): Command {
  return describeCommand('show', 'Show one context: its addresses and its rules', [
    'hero_aibroker contexts show lab',
  ])
    .argument('<context>', CONTEXT)
    .action(async (context: string, _options: unknown, command: Command) => {
      const globals = globalsOf(command)
      const details = await clientOf(cli, globals).call('contexts.get', { context })
      if (globals.json) return printJson(cli.terminal, details)
      printDetails(cli, details)
    })
}

const CONTEXT = 'the name that its front sends in X-Hero-Context'
const ADDRESS_OPTION = new Option('--address <ip>', 'only under this address')

interface PinOptions extends Globals {
  readonly providers?: string[] | undefined
  readonly models?: string[] | undefined
  readonly localOnly?: boolean | undefined
  readonly regions?: string[] | undefined
  readonly forbidTraining?: boolean | undefined
  readonly forbidRetention?: boolean | undefined
  readonly maxHops?: number | undefined
  readonly address?: string | undefined
}

function pinCommand(cli: Cli): Command {
  return describeCommand('pin', 'Restrict a context to some providers or models; its limits stay', [
    'hero_aibroker contexts pin lab --local-only',
    'hero_aibroker contexts pin shop --providers openai groq --models "openai/*"',
  ])
    .argument('<context>', CONTEXT)
    .option('--providers <names...>', 'only these providers')
    .option('--models <names...>', 'only these models; “openai/*” is every model of an author')
    .option('--local-only', 'only providers that run on this host')
    .option('--regions <countries...>', 'only providers of companies there, such as DE FR')
    .option('--forbid-training', 'only providers known not to train on prompts')
    .option('--forbid-retention', 'only providers known to keep nothing')
    .option('--max-hops <count>', 'how many brokers above a request may pass; 0 for none', parseHops)
    .addOption(ADDRESS_OPTION)
    .action(async (context: string, _options: unknown, command: Command) => {
      const {
        providers,
        models,
        localOnly: local_only,
        regions,
        forbidTraining: no_training,
        forbidRetention: no_retention,
        maxHops: max_hops,
        address,
        ...globals
      } = command.optsWithGlobals<PinOptions>()
      const pin = { providers, models, local_only, regions, no_training, no_retention, max_hops }
      if (Object.values(pin).every((value) => value === undefined))
        throw new BrokerError(
          'bad-request',
          'no restriction given; use one such as --local-only; --help lists them all',
        )
      await setPin(cli, globals, { context, pin, address })
    })
}

function unpinCommand(cli: Cli): Command {
  return describeCommand('unpin', 'Allow a context all providers and models again; its limits stay', [
    'hero_aibroker contexts unpin lab',
  ])
    .argument('<context>', CONTEXT)
    .addOption(ADDRESS_OPTION)
    .action(async (context: string, _options: unknown, command: Command) => {
      const { address, ...globals } = command.optsWithGlobals<PinOptions>()
      await setPin(cli, globals, { context, pin: {}, address })
    })
}

async function setPin(
  cli: Cli,
  globals: Globals,
  params: { context: string; pin: NonNullable<Context['pin']>; address: string | undefined },
): Promise<void> {
  const details = await clientOf(cli, globals).call('contexts.pin', params)
  if (globals.json) return printJson(cli.terminal, details)
  print(cli.terminal, `${params.context}: ${formatPin(params.pin)}`)
}

function deleteCommand(cli: Cli): Command {
  return describeCommand('delete', 'Delete all rules of a context; what it spent stays in the ledger', [
    'hero_aibroker contexts delete lab',
  ])
    .argument('<context>', CONTEXT)
    .action(async (context: string, _options: unknown, command: Command) => {
      const globals = globalsOf(command)
      const result = await clientOf(cli, globals).call('contexts.delete', { context })
      if (globals.json) return printJson(cli.terminal, result)
      print(
        cli.terminal,
        result.removed === 0 ? 'it had no rules' : `${plural(result.removed, 'rule')} deleted`,
      )
    })
}

const USAGE_COLUMNS = [
  { title: 'REQUESTS', align: 'right' },
  { title: 'COST', align: 'right' },
  { title: 'LAST USED' },
] as const

function printContexts({ terminal, now }: Cli, contexts: readonly Context[]): void {
  if (contexts.length === 0)
    return print(terminal, 'No request has named a context yet, and no context has a rule.')
  const rows = contexts.map((one) => [one.context, ...usageCells(one, now()), formatPin(one.pin)])
  printTable(terminal, [{ title: 'CONTEXT' }, ...USAGE_COLUMNS, { title: 'MAY USE', shrinks: true }], rows)
}

function printDetails({ terminal, now }: Cli, { addresses, rules, ...totals }: Details): void {
  const all = [['all', ...usageCells(totals, now())]]
  const rows = addresses.map((one) => [one.address, ...usageCells(one, now())])
  printTable(terminal, [{ title: 'ADDRESS' }, ...USAGE_COLUMNS], [...rows, ...(rows.length > 1 ? all : [])])
  for (const { subject, rule } of rules) {
    const under =
      subject.scope === 'context' && subject.address !== undefined ? ` under ${subject.address}` : ''
    print(terminal, '', `set${under}: ${formatRule(rule)}`)
  }
}

function usageCells(
  {
    requests,
    cost_usd,
    unpriced,
    last_used,
  }: Pick<Context, 'requests' | 'cost_usd' | 'unpriced' | 'last_used'>,
  nowMs: number,
): string[] {
  const unknown = unpriced === 0 ? '' : ` + ${formatCount(unpriced)} of unknown cost`
  const ago =
    last_used === undefined ? UNKNOWN : `${formatSeconds(Math.max(0, nowMs / 1000 - last_used))} ago`
  return [formatCount(requests), `${formatUsd(cost_usd)}${unknown}`, ago]
}

function formatPin(pin: Context['pin']): string {
  return formatRule(pin ?? {}) || 'all providers and models'
}
