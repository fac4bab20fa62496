import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'

import type { Params, Result } from '../../sdk/index.ts'
import { clientOf, describeCommand, plainClientOf } from '../cli.ts'
import type { Cli, Globals } from '../cli.ts'
import { paint, print, withoutControls } from '../terminal/terminal.ts'
import type { Terminal } from '../terminal/terminal.ts'

type Page = Result<'logs.tail'>
type Line = Page['lines'][number]
type Level = NonNullable<Params<'logs.tail'>['level']>

interface Options extends Globals {
  readonly level: Level
  readonly lines: number
  readonly follow?: boolean | undefined
}

const LEVELS: readonly Level[] = ['info', 'warn', 'error']

export function logsCommand(cli: Cli): Command {
  return withOptions(
    describeCommand('logs', 'Show the last lines of the broker’s log', [
      'hero_aibroker logs',
      'hero_aibroker logs -f --level warn',
      'hero_aibroker logs --json | jq -r .message',
    ]),
  )
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Options>()
      if (options.follow === true) await follow(cli, options)
      else await show(cli, options)
    })
    .addCommand(tailCommand(cli))
}

function tailCommand(cli: Cli): Command {
  return withOptions(
    describeCommand('tail', 'Show the last lines of the log and follow it, until Ctrl-C', [
      'hero_aibroker logs tail',
    ]),
  ).action((_options: unknown, command: Command) => follow(cli, command.optsWithGlobals<Options>()))
}

async function show(cli: Cli, options: Options): Promise<void> {
  const { level, lines: limit } = options
  const page = await clientOf(cli, options).call('logs.tail', { level, limit })
  printPage(cli.terminal, page, options)
  if (page.lines.length === 0 && !options.json)
    print(
      cli.terminal,
      paint(
        cli.terminal,
        'dim',
        `nothing has been logged since the start${level === 'info' ? '' : ` at the level “${level}”`}`,
      ),
    )
}

async function follow(cli: Cli, options: Options): Promise<void> {
  const { level, lines: limit } = options
  const stop = new AbortController()
  const interrupt = (): void => stop.abort()
  process.once('SIGINT', interrupt)
  try {
    const pages = plainClientOf(cli, options).stream('logs.tail', { level, limit }, stop)
    for await (const page of pages) printPage(cli.terminal, page, options)
  } finally {
    process.off('SIGINT', interrupt)
  }
}

function printPage(terminal: Terminal, { lines, missed }: Page, { json }: Globals): void {
  if (missed > 0 && !json)
    print(terminal, paint(terminal, 'yellow', `… ${missed} lines were dropped before they could be read`))
  for (const line of lines) printLine(terminal, line, json)
}

const STYLES = { info: 'dim', warn: 'yellow', error: 'red' } as const

function printLine(terminal: Terminal, line: Line, json: boolean): void {
  // One JSON value per line, as programs expect from a log.
  if (json) return print(terminal, JSON.stringify(line))
  const { time, level, message, details } = line
  const about = Object.entries(details).map(([name, value]) => `${name}=${formatValue(value)}`)
  const text = withoutControls([message, ...about].join(' '))
  print(
    terminal,
    `${paint(terminal, 'dim', time)} ${paint(terminal, STYLES[level], level.padEnd(5))} ${text}`,
  )
}

function formatValue(value: unknown): string {
  return typeof value === 'string' && !/[\s"]/.test(value) ? value : JSON.stringify(value)
}

function withOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--level <level>', 'only lines of this level or above').choices(LEVELS).default('info'),
    )
    .addOption(
      new Option('-n, --lines <count>', 'how many of the last lines to show')
        .argParser(parseLineCount)
        .default(20),
    )
    .option('-f, --follow', 'follow the log, until Ctrl-C')
}

function parseLineCount(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= MAX_LINES) return count
  throw new InvalidArgumentError(`Use a whole number from 1 to ${MAX_LINES}.`)
}

const MAX_LINES = 1000
