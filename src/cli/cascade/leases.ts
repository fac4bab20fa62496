import type { Command } from 'commander'

import type { Result } from '../../sdk/index.ts'
import { clientOf, describeCommand, globalsOf, printResult, type Cli } from '../cli.ts'
import { formatUsd } from '../terminal/format.ts'
import { printTable } from '../terminal/table.ts'
import { print, printJson, withoutControls, type Terminal } from '../terminal/terminal.ts'

export function leasesCommand(cli: Cli): Command {
  return describeCommand('leases', 'Show or end the parts of budgets that brokers below may spend', [
    'hero_aibroker leases',
    'hero_aibroker leases held',
    'hero_aibroker leases end lease-0kCh2bV9xQ4mT7nPs1aZ',
  ])
    .action((_options: unknown, command: Command) =>
      printResult(cli, command, (client) => client.call('leases.list'), printLeases),
    )
    .addCommand(heldCommand(cli))
    .addCommand(endCommand(cli))
}

function heldCommand(cli: Cli): Command {
  return describeCommand('held', 'Show the leases of this broker at the brokers above it', [
    'hero_aibroker leases held',
  ]).action((_options: unknown, command: Command) =>
    printResult(cli, command, (client) => client.call('leases.held'), printHeld),
  )
}

function endCommand(cli: Cli): Command {
  return describeCommand('end', 'End a lease now: what is left of it is free again', [
    'hero_aibroker leases end lease-0kCh2bV9xQ4mT7nPs1aZ',
  ])
    .argument('<id>', 'as “hero_aibroker leases” shows it')
    .action(async (lease: string, _options: unknown, command: Command) => {
      const result = await clientOf(cli, globalsOf(command)).call('leases.end', { lease })
      if (globalsOf(command).json) return printJson(cli.terminal, result)
      print(cli.terminal, result.removed ? `${lease} has ended` : `there is no lease ${lease}`)
    })
}

function printLeases(terminal: Terminal, leases: Result<'leases.list'>): void {
  if (leases.length === 0) return print(terminal, 'No broker below has a lease.')
  const columns = [
    { title: 'LEASE' },
    { title: 'BROKER', shrinks: true },
    { title: 'GRANTED', align: 'right' },
    { title: 'SPENT', align: 'right' },
    { title: 'LEFT', align: 'right' },
  ] as const
  const rows = leases.map((one) => [
    one.id,
    one.token ?? one.address,
    formatUsd(one.granted_usd),
    formatUsd(one.spent_usd),
    formatUsd(one.left_usd),
  ])
  printTable(terminal, columns, rows)
}

function printHeld(terminal: Terminal, leases: Result<'leases.held'>): void {
  if (leases.length === 0)
    return print(
      terminal,
      'No lease is configured. “hero_aibroker mothers update <id> --lease-usd 1” asks for one.',
    )
  const columns = [
    { title: 'MOTHER' },
    { title: 'LEASE', shrinks: true },
    { title: 'GRANTED', align: 'right' },
    { title: 'SPENT', align: 'right' },
    { title: 'HELD', align: 'right' },
    { title: 'LEFT', align: 'right' },
    { title: 'PROBLEM', shrinks: true },
  ] as const
  const rows = leases.map((one) => [
    one.mother,
    one.id ?? '-',
    one.granted_usd === undefined ? '-' : formatUsd(one.granted_usd),
    formatUsd(one.spent_usd),
    formatUsd(one.held_usd),
    formatUsd(one.left_usd),
    withoutControls(one.problem ?? ''),
  ])
  printTable(terminal, columns, rows)
}
