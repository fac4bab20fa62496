import { Option } from 'commander'
import type { Command } from 'commander'

import type { Client, Params, Result } from '../../sdk/index.ts'
import { clientOf, describeCommand, patientClientOf } from './cli.ts'
import type { Cli, Globals } from './cli.ts'
import { paint, print, withoutControls } from './terminal.ts'
import type { Terminal } from './terminal.ts'

type Line = Result<'logs.tail'>['lines'][number]
type Level = NonNullable<Params<'logs.tail'>['level']>

interface Options extends Globals {
  readonly level: Level
  readonly lines: string
}

const LEVELS: readonly Level[] = ['info', 'warn', 'error']
const WAIT_S = 30

export function logsCommand(cli: Cli): Command {
  return levelled(
    describeCommand('logs', 'Show the last lines of the broker’s log', [
      'hero_aibroker logs',
      'hero_aibroker logs tail --level warn',
      'hero_aibroker logs --json | jq -r .message',
    ]),
  )
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Options>()
      await show(cli, clientOf(cli, options), options)
    })
    .addCommand(tailCommand(cli))
}

function tailCommand(cli: Cli): Command {
  return levelled(
    describeCommand('tail', 'Show the last lines of the log and those that come, until Ctrl-C', [
      'hero_aibroker logs tail',
    ]),
  ).action(async (_options: unknown, command: Command) => {
    const options = command.optsWithGlobals<Options>()
    const client = patientClientOf(cli, options)
    const stop = new AbortController()
    const interrupt = (): void => stop.abort()
    process.once('SIGINT', interrupt)
    try {
      let after = await show(cli, client, options)
      for (;;) after = await follow(cli, client, { after, level: options.level }, stop.signal, options)
    } finally {
      process.off('SIGINT', interrupt)
    }
  })
}

/** The last lines; the number after which to go on. */
async function show({ terminal }: Cli, client: Client, { level, lines, json }: Options): Promise<number> {
  const page = await client.call('logs.tail', { level, limit: Number(lines) })
  for (const line of page.lines) printLine(terminal, line, json)
  return page.next
}

async function follow(
  { terminal }: Cli,
  client: Client,
  query: { readonly after: number; readonly level: Level },
  signal: AbortSignal,
  { json }: Globals,
): Promise<number> {
  const page = await client.call('logs.tail', { ...query, wait_s: WAIT_S }, { signal })
  if (page.missed > 0 && !json)
    print(terminal, paint(terminal, 'yellow', `… ${page.missed} lines went by unread`))
  for (const line of page.lines) printLine(terminal, line, json)
  return page.next
}

const STYLES = { info: 'dim', warn: 'yellow', error: 'red' } as const

function printLine(terminal: Terminal, line: Line, json: boolean): void {
  // A line each, as of any log that programs read.
  if (json) return print(terminal, JSON.stringify(line))
  const { time, level, message, details } = line
  const about = Object.entries(details).map(([name, value]) => `${name}=${sayValue(value)}`)
  const text = withoutControls([message, ...about].join(' '))
  print(
    terminal,
    `${paint(terminal, 'dim', time)} ${paint(terminal, STYLES[level], level.padEnd(5))} ${text}`,
  )
}

function sayValue(value: unknown): string {
  return typeof value === 'string' && !/[\s"]/.test(value) ? value : JSON.stringify(value)
}

function levelled(command: Command): Command {
  return command
    .addOption(
      new Option('--level <level>', 'only lines as grave as this or graver').choices(LEVELS).default('info'),
    )
    .option('-n, --lines <count>', 'how many of the last lines', '20')
}
