import { constants, createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'

import { Option } from 'commander'
import type { Command } from 'commander'

import { BrokerError } from '../../base/errors.ts'
import type { ExportQuery, Result } from '../../sdk/index.ts'
import { clientOf, describeCommand } from '../cli.ts'
import type { Cli, Globals } from '../cli.ts'
import { reconcileCommand } from '../cascade/reconcile.ts'
import { formatCount, plural } from '../terminal/format.ts'
import { whileBlocked } from '../terminal/progress.ts'
import { parsePastTime } from '../terminal/time-argument.ts'
import { paint, print, printJson, withoutControls } from '../terminal/terminal.ts'
import { methods } from '../../wire/rpc/methods.ts'

export function ledgerCommand(cli: Cli): Command {
  return describeCommand('ledger', 'Verify the ledger, anchor it, or export it', [
    'hero_aibroker ledger verify',
    'hero_aibroker ledger anchor --out /media/usb/2026-01-31.json',
    'hero_aibroker ledger export --since 2026-01-01 --out january.csv',
  ])
    .addCommand(verifyCommand(cli))
    .addCommand(anchorCommand(cli))
    .addCommand(exportCommand(cli))
    .addCommand(reconcileCommand(cli))
}

interface VerifyOptions extends Globals {
  readonly anchor?: string | undefined
  readonly file?: string | undefined
}

function verifyCommand(cli: Cli): Command {
  return describeCommand('verify', 'Verify every row, every total and every balance', [
    'hero_aibroker ledger verify',
    'hero_aibroker ledger verify --anchor /media/usb/2026-01-31.json',
    'hero_aibroker ledger verify --file ~/backup/requests.db',
  ])
    .option('--anchor <file>', 'also compare with a file of “ledger anchor”: finds a cut end and an old copy')
    .option('--file <database>', 'verify this requests.db; no broker is needed')
    .action(async (_options: unknown, command: Command) => {
      const { anchor: path, file, ...globals } = command.optsWithGlobals<VerifyOptions>()
      const anchor = path === undefined ? undefined : await readAnchorFile(path)
      const result =
        file === undefined
          ? await clientOf(cli, globals).call('ledger.verify', anchor === undefined ? {} : { anchor })
          : await whileBlocked(cli.terminal, `the database ${file}`, async () =>
              (await loadVerifier()).verifyLedgerFile(file, anchor),
            )
      const { broken, problems = [] } = result
      if (globals.json) printJson(cli.terminal, result)
      else if (broken === undefined) print(cli.terminal, verifiedText(cli, result, path))
      else for (const problem of problems) print(cli.terminal, problemText(cli, problem))
      if (broken !== undefined) throw tampered(broken, problems.length)
    })
}

/** Loaded only when it is needed, because it brings the database with it. */
const loadVerifier = () => import('../../offline/verify-file.ts')

function verifiedText(
  { terminal }: Cli,
  { rows, payers, head }: Verified,
  anchorPath: string | undefined,
): string {
  const counted = `${formatCount(rows)} ${rows === 1 ? 'row' : 'rows'} of ${plural(payers, 'payer')}`
  const lines = [
    `${paint(terminal, 'green', 'intact')}  ${counted}, each as it was written; all totals are their sums`,
    ...(anchorPath === undefined ? [] : [`        the same ledger as that of ${anchorPath}`]),
    ...(head === undefined ? [] : [`head    row ${head.seq}, ${head.digest}`]),
  ]
  return lines.join('\n')
}

type Verified = Result<'ledger.verify'>

function problemText({ terminal }: Cli, problem: NonNullable<Verified['problems']>[number]): string {
  const { kind, seq, id, address, context, reason } = problem
  const payer = context === undefined ? address : `${address}, context “${context}”`
  const where = [seq === undefined ? kind : `row ${seq}`, id, payer].filter(Boolean).join(', ')
  return `${paint(terminal, 'red', '✗')} ${withoutControls(`${where}: ${reason}`)}`
}

function tampered(row: NonNullable<Verified['broken']>, problems: number): BrokerError {
  const { seq, id, address, context, reason } = row
  const payer = context === undefined ? address : `${address}, context “${context}”`
  const names = [id, payer].filter(Boolean).join(', ')
  const others = problems > 1 ? `, and ${plural(problems - 1, 'more problem')}` : ''
  const what =
    seq === 0
      ? `the ledger${names === '' ? '' : ` of ${names}`} is not what was written: ${reason}`
      : `row ${seq} ${names === '' ? '' : `(${names}) `}is not what was written: ${reason}`
  return new BrokerError('internal', withoutControls(`${what}${others}`))
}

interface AnchorOptions extends Globals {
  readonly out?: string | undefined
}

function anchorCommand(cli: Cli): Command {
  return describeCommand('anchor', 'Verify the ledger and print its signed state, to be kept elsewhere', [
    'hero_aibroker ledger anchor',
    'hero_aibroker ledger anchor --out /media/usb/2026-01-31.json',
  ])
    .option('-o, --out <file>', 'write to a new file instead of standard output')
    .action(async (_options: unknown, command: Command) => {
      const { out, ...globals } = command.optsWithGlobals<AnchorOptions>()
      const text = `${JSON.stringify(await clientOf(cli, globals).call('ledger.anchor'))}\n`
      if (out === undefined) cli.terminal.output.write(text)
      else await writeNew(out, oneChunk(text))
    })
}

async function* oneChunk(text: string): AsyncGenerator<string> {
  yield text
}

/** An anchor has some 400 bytes. */
const MAX_ANCHOR_BYTES = 16 * 1024

async function readAnchorFile(path: string): Promise<Result<'ledger.anchor'>> {
  const text = await readSmallFile(path)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  const parsed = methods['ledger.anchor'].result.safeParse(value)
  if (parsed.success) return parsed.data
  throw new BrokerError('bad-request', `${path} is no anchor: name a file of “hero_aibroker ledger anchor”`)
}

async function readSmallFile(path: string): Promise<string> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const { bytesRead, buffer } = await file.read(Buffer.alloc(MAX_ANCHOR_BYTES), 0, MAX_ANCHOR_BYTES, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new BrokerError('bad-request', `can’t read ${path}: ${reason}`, { cause })
  }
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
    .option(
      '--since <when>',
      'from then on: 24h, 7d, today, 2026-01-31 (days of UTC), or unix seconds',
      parseTime,
    )
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
