import { InvalidArgumentError, type Command } from 'commander'

import type { Params, Result } from '../../sdk/index.ts'
import { clientOf, describeCommand, globalsOf, printResult, type Cli } from '../cli.ts'
import { printTable } from '../terminal/table.ts'
import { print, printJson, withoutControls, type Terminal } from '../terminal/terminal.ts'

type Mother = Result<'mothers.list'>[number]
type Fields = Params<'mothers.add'>

export function mothersCommand(cli: Cli): Command {
  return describeCommand('mothers', 'Show, add, change or remove the brokers above this one', [
    'hero_aibroker mothers',
    'hero_aibroker mothers add 127.0.0.1 33850 --priority 1',
    'hero_aibroker mothers add --url https://ai.example.org/v1 --token-env ROOT_TOKEN',
    'hero_aibroker mothers update ai_broker_mother --disable',
    'hero_aibroker mothers remove ai_broker_mother',
  ])
    .action((_options: unknown, command: Command) =>
      printResult(cli, command, (client) => client.call('mothers.list'), printMothers),
    )
    .addCommand(addCommand(cli))
    .addCommand(updateCommand(cli))
    .addCommand(removeCommand(cli))
}

function addCommand(cli: Cli): Command {
  const command = describeCommand('add', 'Register a broker above this one', [
    'hero_aibroker mothers add 127.0.0.1 33850 --priority 1',
    'hero_aibroker mothers add --mother-socket /home/root/hero/var/sockets/hero_aibroker_root/hero_aibroker/rest.sock',
    'hero_aibroker mothers add 10.0.0.7 33850 --tls --fingerprint 3b…9f --token-env ROOT_TOKEN',
  ])
    .argument('[address]', 'her IP address or host name')
    .argument('[port]', 'her TCP port', parsePort)
  return withFields(command).action(
    async (address: string | undefined, port: number | undefined, options: FieldOptions, itself: Command) => {
      const params = { ...fieldsOf(options), ...(address === undefined ? {} : { address, port }) }
      const added = await clientOf(cli, globalsOf(itself)).call('mothers.add', params)
      if (globalsOf(itself).json) return printJson(cli.terminal, added)
      print(cli.terminal, `${added.id} is registered`)
    },
  )
}

function updateCommand(cli: Cli): Command {
  const command = describeCommand('update', 'Change some fields of a mother; the others stay', [
    'hero_aibroker mothers update ai_broker_mother --priority 5',
    'hero_aibroker mothers update ai_broker_mother --disable',
  ])
    .argument('<id>', ID)
    .option('--address <address>', 'her IP address or host name')
    .option('--port <port>', 'her TCP port', parsePort)
  return withFields(command)
    .option('--disable', 'send her nothing until she is enabled again')
    .option('--enable', 'send her requests again')
    .action(async (id: string, options: UpdateOptions, itself: Command) => {
      const { address, port, enable, disable } = options
      const enabled = enable === true ? true : disable === true ? false : undefined
      const params = { id, ...fieldsOf(options), address, port, enabled }
      const changed = await clientOf(cli, globalsOf(itself)).call('mothers.update', params)
      if (globalsOf(itself).json) return printJson(cli.terminal, changed)
      print(cli.terminal, `${changed.id} is changed`)
    })
}

function removeCommand(cli: Cli): Command {
  return describeCommand('remove', 'Remove a mother and her models', [
    'hero_aibroker mothers remove ai_broker_mother',
  ])
    .argument('<id>', ID)
    .action(async (id: string, _options: unknown, itself: Command) => {
      const removed = await clientOf(cli, globalsOf(itself)).call('mothers.remove', { id })
      if (globalsOf(itself).json) return printJson(cli.terminal, removed)
      print(cli.terminal, `${removed.id} is removed`)
    })
}

const ID = 'as “hero_aibroker mothers” shows it'

interface FieldOptions {
  readonly url?: string | undefined
  readonly label?: string | undefined
  readonly priority?: number | undefined
  readonly tokenEnv?: string | undefined
  readonly tls?: boolean | undefined
  readonly fingerprint?: string | undefined
  readonly motherSocket?: string | undefined
  readonly leaseUsd?: string | undefined
}

interface UpdateOptions extends FieldOptions {
  readonly address?: string | undefined
  readonly port?: number | undefined
  readonly enable?: boolean | undefined
  readonly disable?: boolean | undefined
}

/** A token is never an argument, where other users of the machine could see it. */
function withFields(command: Command): Command {
  return command
    .option('--url <url>', 'her base URL, such as https://ai.example.org/v1, in place of address and port')
    .option('--mother-socket <path>', 'the path of her rest.sock, in place of address and port')
    .option('--label <text>', 'a name for people')
    .option('--priority <number>', 'the lowest is tried first; leave gaps: 1, 5, 10', parsePriority)
    .option('--token-env <name>', 'the broker’s environment variable that holds the token to send her')
    .option('--tls', 'reach address and port over TLS')
    .option('--fingerprint <sha256>', 'accept only the certificate with this SHA-256')
    .option('--lease-usd <amount>', 'ask her for so much in advance, and send her requests under that lease')
}

function fieldsOf(options: FieldOptions): Fields {
  const { url, motherSocket: socket, label, priority, tokenEnv: token_env, tls, fingerprint } = options
  const lease_usd = options.leaseUsd
  return { url, socket, label, priority, token_env, tls, fingerprint, lease_usd }
}

function printMothers(terminal: Terminal, mothers: readonly Mother[]): void {
  if (mothers.length === 0)
    return print(terminal, 'No broker is above this one. “hero_aibroker mothers add” registers one.')
  const columns = [
    { title: 'MOTHER' },
    { title: 'STATE' },
    { title: 'WHERE', shrinks: true },
    { title: 'PRIORITY', align: 'right' },
    { title: 'MODELS', align: 'right' },
    { title: 'LABEL', shrinks: true },
  ] as const
  const rows = mothers.map((one) => [
    one.id,
    one.state,
    one.url ?? one.socket ?? `${one.address ?? ''}:${one.port ?? ''}`,
    String(one.priority),
    String(one.models),
    withoutControls(one.problem ?? one.label ?? ''),
  ])
  printTable(terminal, columns, rows, (at) => mothers[at]?.state !== 'up')
}

function parsePort(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new InvalidArgumentError('Use a number from 1 to 65535, such as 33850.')
  return port
}

function parsePriority(text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError('Use a whole number, such as 5.')
  return Number(text)
}
