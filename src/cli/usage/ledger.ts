import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'

import { Option } from 'commander'
import type { Command } from 'commander'

import { BrokerError } from '../../base/errors.ts'
import type { ExportQuery, Result } from '../../sdk/index.ts'
import { clientOf, describeCommand, globalsOf } from '../cli.ts'
import type { Cli, Globals } from '../cli.ts'
import { formatCount, plural } from '../terminal/format.ts'
import { parsePastTime } from '../terminal/time-argument.ts'
import { paint, print, printJson } from '../terminal/terminal.ts'

export function ledgerCommand(cli: Cli): Command {
  return describeCommand('ledger', 'Verify the ledger, or export it', [
    'hero_aibroker ledger verify',
    'hero_aibroker ledger export --since 2026-01-01 --out january.csv',
  ])
    .addCommand(verifyCommand(cli))
    .addCommand(exportCommand(cli))
}

function verifyCommand(cli: Cli): Command {
  return describeCommand('verify', 'Verify that no row was changed after it was written', [
    'hero_aibroker ledger verify',
  ]).action(async (_options: unknown, command: Command) => {
    const globals = globalsOf(command)
    const result = await clientOf(cli, globals).call('ledger.verify')
    if (globals.json) printJson(cli.terminal, result)
    else if (result.broken === undefined) print(cli.terminal, verifiedText(cli, result))
    if (result.broken !== undefined) throw tampered(result.broken)
  })
}

function verifiedText({ terminal }: Cli, { rows, payers }: Result<'ledger.verify'>): string {
  const counted = `${formatCount(rows)} ${rows === 1 ? 'row' : 'rows'} of ${plural(payers, 'payer')}`
  return `${paint(terminal, 'green', 'intact')}  ${counted}, each as it was written`
}

function tampered(row: NonNullable<Result<'ledger.verify'>['broken']>): BrokerError {
  const { seq, id, address, context, reason } = row
  const payer = context === undefined ? address : `${address}, context “${context}”`
  return new BrokerError('internal', `row ${seq} (${id}, ${payer}) is not what was written: ${reason}`)
}

interface ExportOptions extends Globals {
  readonly since?: number | undefined
  readonly until?: number | undefined
  readonly address?: string | undefined
  readonly format: 'csv' | 'json'
  readonly out?: string | undefined
}

function exportCommand(cli: Cli): Command {
  const parseTime = (text: string) => parsePastTime(text, cli.now())
  return describeCommand('export', 'Export every row as CSV or JSON, newest first', [
    'hero_aibroker ledger export > requests.csv',
    'hero_aibroker ledger export --since 30d --format json --out requests.json',
  ])
    .option('--since <when>', 'from then on: 24h, 7d, today, 2026-01-31, or unix seconds', parseTime)
    .option('--until <when>', 'before then, in the same forms', parseTime)
    .option('--address <ip>', 'only rows of this address')
    .addOption(new Option('--format <format>', 'format of the rows').choices(['csv', 'json']).default('csv'))
    .option('-o, --out <file>', 'write to a new file instead of standard output')
    .action(async (_options: unknown, command: Command) => {
      const { since, until, address, format, out, ...globals } = command.optsWithGlobals<ExportOptions>()
      const query: ExportQuery = { since, until, address, format: globals.json ? 'json' : format }
      const pieces = clientOf(cli, globals).exportLedger(query)
      if (out === undefined) await pipeline(pieces, cli.terminal.output, { end: false })
      else await writeNew(out, pieces)
    })
}

async function writeNew(path: string, pieces: AsyncIterable<string | Uint8Array>): Promise<void> {
  try {
    await pipeline(pieces, createWriteStream(path, { flags: 'wx', mode: 0o600 }))
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? NOT_WRITABLE[String(cause.code)] : undefined
    if (reason === undefined) throw cause
    throw new BrokerError('bad-request', `can’t write ${path}: ${reason}`, { cause })
  }
}

/** Why a path can't be written, by the system's error code. */
const NOT_WRITABLE: Readonly<Record<string, string>> = {
  EEXIST: 'the file exists already and was not changed',
  ENOENT: 'the folder does not exist',
  ENOTDIR: 'the folder does not exist',
  EISDIR: 'it is a folder',
  EACCES: 'this user has no permission',
}
