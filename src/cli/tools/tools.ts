import type { Command } from 'commander'

import { BrokerError } from '../../base/errors.ts'
import type { Result } from '../../sdk/index.ts'
import { clientOf, describeCommand, globalsOf } from '../cli.ts'
import type { Cli, Globals } from '../cli.ts'
import { plural } from '../terminal/format.ts'
import { tableLines } from '../terminal/table.ts'
import { paint, print, printJson, widthOf, withoutControls } from '../terminal/terminal.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { resultLines } from './tool-text.ts'

export function toolsCommand(cli: Cli): Command {
  return describeCommand('tools', 'List the tools of the MCP servers, or call one', [
    'hero_aibroker tools',
    'hero_aibroker tools --search "web search"',
    `hero_aibroker tools call serper__web_search '{"query": "otters"}'`,
  ])
    .option('-s, --search <words>', 'only tools whose name or description has all these words')
    .option('--server <name>', 'only tools of this server')
    .addCommand(callCommand(cli))
    .action(async (_options: unknown, command: Command) => {
      const { search, server, ...globals } = command.optsWithGlobals<Globals & Filters>()
      const list = await clientOf(cli, globals).call('mcp.list_tools', { search, server })
      if (globals.json) return printJson(cli.terminal, list)
      printTools(cli.terminal, list)
    })
}

interface Filters {
  readonly search?: string | undefined
  readonly server?: string | undefined
}

function callCommand(cli: Cli): Command {
  return describeCommand('call', 'Call a tool and print its result; exits with 8 if the tool fails', [
    `hero_aibroker tools call ping__ping '{"message": "hello"}'`,
  ])
    .argument('<name>', 'name of the tool, as “hero_aibroker tools” shows it')
    .argument('[arguments]', 'a JSON object', '{}')
    .action(async (name: string, text: string, _options: unknown, command: Command) => {
      const globals = globalsOf(command)
      const result = await clientOf(cli, globals).call('mcp.call_tool', { name, arguments: objectIn(text) })
      if (globals.json) printJson(cli.terminal, result)
      else print(cli.terminal, ...resultLines(result))
      if (result.isError === true)
        throw new BrokerError('upstream-refused', `the tool “${name}” reported a failure`)
    })
}

function objectIn(text: string): Record<string, unknown> {
  const value = parsed(text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw new BrokerError('bad-request', `the arguments must be a JSON object, such as '{"query": "otters"}'`)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const COLUMNS = [{ title: 'TOOL' }, { title: 'SERVER' }, { title: 'DESCRIPTION', shrinks: true }] as const

function printTools(terminal: Terminal, { tools, unavailable }: Result<'mcp.list_tools'>): void {
  if (tools.length === 0)
    print(terminal, 'No tools are available. MCP_CONFIG_PATH names the file of MCP servers.')
  else {
    const rows = tools.map(({ name, server, title, description }) => [
      name,
      server,
      firstLine(description ?? title ?? ''),
    ])
    const [header = '', ...lines] = tableLines(COLUMNS, rows, widthOf(terminal))
    print(terminal, paint(terminal, 'bold', header), ...lines)
    print(terminal, '', paint(terminal, 'dim', plural(tools.length, 'tool')))
  }
  for (const { server, reason } of unavailable) {
    print(terminal, `${paint(terminal, 'yellow', '!')} ${server}: ${withoutControls(reason)}`)
  }
}

function firstLine(text: string): string {
  return text.trim().split('\n', 1)[0] ?? ''
}
