import { Command } from 'commander'

import { defaultSockets, socketsAt } from '../sdk-node/socket-paths.ts'
import type { BrokerSockets } from '../sdk-node/socket-paths.ts'
import { unixTransport } from '../sdk-node/unix-transport.ts'
import { connect } from '../sdk/index.ts'
import type { Client, Transport } from '../sdk/index.ts'
import { withConnectRetry } from './terminal/connect-retry.ts'
import { withProgress } from './terminal/progress.ts'
import { printJson } from './terminal/terminal.ts'
import type { Terminal } from './terminal/terminal.ts'

/** What every command gets from the program. */
export interface Cli {
  readonly terminal: Terminal
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly version: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** Options that every command understands. */
export interface Globals {
  readonly model: string
  readonly socket?: string | undefined
  readonly json: boolean
}

/** Creates a command whose help ends with the examples. */
export function describeCommand(name: string, summary: string, examples: readonly string[]): Command {
  const lines = examples.map((example) => `  $ ${example}`)
  return new Command(name)
    .description(summary)
    .addHelpText('after', `\n${lines.length === 1 ? 'Example' : 'Examples'}:\n${lines.join('\n')}`)
}

export function globalsOf(command: Command): Globals {
  return command.optsWithGlobals<Globals>()
}

/** A client for the broker that the options or the environment name. It retries the connection, and says what it waits for. */
export function clientOf(cli: Cli, globals: Globals): Client {
  const transport = withConnectRetry(cli.terminal, transportOf(cli, globals))
  return connect(withNamedProgress(cli, globals, transport))
}

/** Requests a result with the options of `command`, and prints it: as JSON with `--json`, else as text by `printText`. */
export async function printResult<T>(
  cli: Cli,
  command: Command,
  request: (client: Client) => Promise<T>,
  printText: (terminal: Terminal, result: T) => void,
): Promise<void> {
  const globals = globalsOf(command)
  const result = await request(clientOf(cli, globals))
  if (globals.json) printJson(cli.terminal, result)
  else printText(cli.terminal, result)
}

/** A transport that says on standard error that the broker keeps it waiting. */
export function withNamedProgress(cli: Cli, globals: Globals, transport: Transport): Transport {
  const sockets = socketsOf(cli, globals)
  return withProgress(cli.terminal, transport, ({ listener }) => `the broker at ${sockets[listener]}`)
}

/** A client that does not retry the connection, for `health`. */
export function onceClientOf(cli: Cli, globals: Globals): Client {
  return connect(withNamedProgress(cli, globals, transportOf(cli, globals)))
}

/** A client that neither retries the connection nor shows progress, for calls that are meant to wait. */
export function plainClientOf(cli: Cli, globals: Globals): Client {
  return connect(transportOf(cli, globals))
}

/** Sends the token of the environment, for a broker that requires one even from its own machine. */
function transportOf(cli: Cli, globals: Globals): Transport {
  const token = TOKEN_VARIABLES.map((name) => cli.environment[name]?.trim()).find(Boolean)
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  return unixTransport(socketsOf(cli, globals), { headers })
}

const TOKEN_VARIABLES = ['AIBROKER_TOKEN', 'ADMIN_TOKEN'] as const

export function socketsOf({ environment }: Cli, { socket }: Globals): BrokerSockets {
  return socket === undefined ? defaultSockets(environment) : socketsAt(socket)
}
