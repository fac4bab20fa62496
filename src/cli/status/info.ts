import type { Command } from 'commander'

import type { Result } from '../../sdk/index.ts'
import { clientOf, describeCommand, globalsOf } from '../cli.ts'
import type { Cli } from '../cli.ts'
import { formatSeconds, plural } from '../terminal/format.ts'
import { tableLines } from '../terminal/table.ts'
import { paint, print, printJson, widthOf, withoutControls } from '../terminal/terminal.ts'
import type { Terminal } from '../terminal/terminal.ts'

type Info = Result<'info'>

export function infoCommand(cli: Cli): Command {
  return describeCommand('info', 'Show the broker’s sockets, providers, files and warnings', [
    'hero_aibroker info',
    'hero_aibroker info --json | jq .is_mother',
  ]).action(async (_options: unknown, command: Command) => {
    const globals = globalsOf(command)
    const info = await clientOf(cli, globals).call('info')
    if (globals.json) return printJson(cli.terminal, info)
    printInfo(cli.terminal, info)
  })
}

function printInfo(terminal: Terminal, info: Info): void {
  const title = paint(terminal, 'bold', `hero_aibroker ${info.version}`)
  print(
    terminal,
    `${title}  up ${formatSeconds(info.uptime_s)}, ${plural(info.open_requests, 'open request')}`,
  )
  for (const [name, values] of facts(info)) {
    print(terminal, ...values.map((value, at) => `${(at === 0 ? name : '').padEnd(10)}${value}`))
  }
  printProviders(terminal, info)
  printProblems(terminal, info)
}

function facts(info: Info): [name: string, values: readonly string[]][] {
  const { is_mother, mother_count } = info
  return [
    ['sockets', info.sockets],
    ['tcp', tcpText(info)],
    ['cascade', [`${is_mother ? 'mother, ' : ''}${plural(mother_count, 'broker')} above`]],
    [
      'models',
      [info.models_config.path === '' ? `${info.models}` : `${info.models} from ${info.models_config.path}`],
    ],
    ['routing', [info.routing_strategy]],
    ['data', info.data_dir === '' ? [] : [info.data_dir]],
  ]
}

/** Only an administrator is shown where the broker listens. */
function tcpText({ sockets, tcp }: Info): readonly string[] {
  if (tcp !== undefined) return [`${tcp.address} port ${tcp.port}`]
  return sockets.length === 0 ? [] : ['off']
}

function printProviders(terminal: Terminal, { providers }: Info): void {
  if (providers.length === 0) return
  const columns = [
    { title: 'PROVIDER' },
    { title: 'STATE' },
    { title: 'KEYS', align: 'right' },
    { title: 'MODELS', align: 'right' },
  ] as const
  const rows = providers.map((one) => [one.display_name, one.state, String(one.keys), String(one.endpoints)])
  const [header = '', ...lines] = tableLines(columns, rows, widthOf(terminal))
  print(terminal, '', paint(terminal, 'bold', header))
  for (const [at, line] of lines.entries()) {
    print(terminal, providers[at]?.state === 'ready' ? line : paint(terminal, 'dim', line))
  }
}

function printProblems(terminal: Terminal, { warnings, models_config: { problems = [] } }: Info): void {
  const lines = [...warnings, ...problems]
  if (lines.length > 0)
    print(terminal, '', ...lines.map((line) => `${paint(terminal, 'yellow', '!')} ${withoutControls(line)}`))
}
