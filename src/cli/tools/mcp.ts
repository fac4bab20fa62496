import type { Command } from 'commander'

import { defaultSockets, socketsAt } from '../../sdk-node/socket-paths.ts'
import { describeCommand, globalsOf } from '../cli.ts'
import type { Cli } from '../cli.ts'
import { bridgeMcp } from './mcp-bridge.ts'

/** Serves desktop clients, which start an MCP server as a program. */
export function mcpCommand(cli: Cli): Command {
  return describeCommand('mcp', 'Serve the broker’s tools over MCP on standard input and output', [
    'hero_aibroker mcp',
    '{"mcpServers": {"hero": {"command": "hero_aibroker", "args": ["mcp"]}}}',
  ]).action(async (_options: unknown, command: Command) => {
    const { socket } = globalsOf(command)
    const { rest } = socket === undefined ? defaultSockets(cli.environment) : socketsAt(socket)
    await bridgeMcp({ socketPath: rest, input: cli.terminal.input, output: cli.terminal.output })
  })
}
