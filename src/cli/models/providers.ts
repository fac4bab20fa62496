import type { Command } from 'commander'

import { BrokerError } from '../../base/errors.ts'
import type { Result } from '../../sdk/index.ts'
import { clientOf, describeCommand, globalsOf, printResult } from '../cli.ts'
import type { Cli } from '../cli.ts'
import { formatMs } from '../terminal/format.ts'
import { printTable } from '../terminal/table.ts'
import { paint, print, printJson, withoutControls } from '../terminal/terminal.ts'
import type { Terminal } from '../terminal/terminal.ts'

type Provider = Result<'providers.list'>[number]
type KeyTest = Result<'providers.test'>['keys'][number]

export function providersCommand(cli: Cli): Command {
  return describeCommand('providers', 'List the providers, or test the keys of one', [
    'hero_aibroker providers',
    'hero_aibroker providers test groq',
    'hero_aibroker providers --json | jq -r ".[] | select(.state != \\"ready\\").name"',
  ])
    .action((_options: unknown, command: Command) =>
      printResult(cli, command, (client) => client.call('providers.list'), printProviders),
    )
    .addCommand(testCommand(cli))
}

function testCommand(cli: Cli): Command {
  return describeCommand(
    'test',
    'Request the model list of a provider with each of its keys; costs nothing',
    ['hero_aibroker providers test openrouter'],
  )
    .argument('<provider>', 'its name, as “hero_aibroker providers” shows it')
    .action(async (provider: string, _options: unknown, command: Command) => {
      const globals = globalsOf(command)
      const result = await clientOf(cli, globals).call('providers.test', { provider })
      if (globals.json) printJson(cli.terminal, result)
      else print(cli.terminal, ...result.keys.map((key) => keyLine(cli.terminal, key)))
      if (!result.ok)
        throw new BrokerError('upstream-denied', `at least one key of ${provider} does not work`)
    })
}

function printProviders(terminal: Terminal, providers: readonly Provider[]): void {
  const columns = [
    { title: 'PROVIDER' },
    { title: 'STATE' },
    { title: 'KEYS', align: 'right' },
    { title: 'MODELS', align: 'right' },
    { title: 'PRIORITY', align: 'right' },
    { title: 'HOST', shrinks: true },
  ] as const
  const sorted = providers.toSorted((a, b) => Number(a.state === 'no-key') - Number(b.state === 'no-key'))
  const rows = sorted.map((one) => [
    one.name,
    one.state === 'no-key' ? `set ${one.key_variables[0] ?? 'its key'}` : one.state,
    String(one.keys),
    String(one.endpoints),
    one.priority === undefined ? '' : String(one.priority),
    one.host,
  ])
  printTable(terminal, columns, rows, (at) => sorted[at]?.state !== 'ready')
}

function keyLine(terminal: Terminal, { key, ok, ms, models, error, status }: KeyTest): string {
  const name = key === undefined ? 'no key needed' : `key ${key}`
  if (ok) return `${paint(terminal, 'green', 'ok')}  ${name}: ${models ?? 0} models, ${formatMs(ms)}`
  const http = status === undefined ? '' : ` (HTTP ${status})`
  return `${paint(terminal, 'red', 'no')}  ${name}: ${withoutControls(error ?? 'refused')}${http}, ${formatMs(ms)}`
}
