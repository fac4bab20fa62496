import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'

import type { Result } from '../../sdk/index.ts'
import { clientOf, describeCommand, globalsOf, printResult } from '../cli.ts'
import type { Cli } from '../cli.ts'
import { printTable } from '../terminal/table.ts'
import { print, printJson } from '../terminal/terminal.ts'
import type { Terminal } from '../terminal/terminal.ts'

export function priorityCommand(cli: Cli): Command {
  return describeCommand('priority', 'Show or change which providers are tried first', [
    'hero_aibroker priority',
    'hero_aibroker priority set groq 1',
    'hero_aibroker priority clear groq',
  ])
    .action((_options: unknown, command: Command) =>
      printResult(cli, command, (client) => client.call('priority.list'), printPriorities),
    )
    .addCommand(setCommand(cli))
    .addCommand(clearCommand(cli))
}

function setCommand(cli: Cli): Command {
  return describeCommand('set', 'Set the priority of all models of a provider; the lowest is tried first', [
    'hero_aibroker priority set groq 1',
  ])
    .argument('<provider>', 'its name, as “hero_aibroker providers” shows it')
    .argument('<priority>', 'a whole number; leave gaps for providers that may come between', parsePriority)
    .action((provider: string, priority: number, _options: unknown, command: Command) =>
      change(cli, command, { provider, priority }),
    )
}

function clearCommand(cli: Cli): Command {
  return describeCommand('clear', 'Return a provider to the priorities of the models file', [
    'hero_aibroker priority clear groq',
  ])
    .argument('<provider>', 'its name')
    .action((provider: string, _options: unknown, command: Command) =>
      change(cli, command, { provider, priority: null }),
    )
}

async function change(
  cli: Cli,
  command: Command,
  params: { readonly provider: string; readonly priority: number | null },
): Promise<void> {
  const globals = globalsOf(command)
  const priorities = await clientOf(cli, globals).call('priority.set', params)
  if (globals.json) return printJson(cli.terminal, priorities)
  printPriorities(cli.terminal, priorities)
}

function printPriorities(terminal: Terminal, priorities: Result<'priority.list'>): void {
  const rows = Object.entries(priorities).toSorted(([, a], [, b]) => a - b)
  if (rows.length === 0) return print(terminal, 'No priorities are set; the models file decides.')
  const columns = [{ title: 'PROVIDER' }, { title: 'PRIORITY', align: 'right' }] as const
  printTable(
    terminal,
    columns,
    rows.map(([provider, priority]) => [provider, String(priority)]),
  )
}

function parsePriority(text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError('Use a whole number, such as 5.')
  return Number(text)
}
