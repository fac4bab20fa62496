import { chmod } from 'node:fs/promises'

import type { Command } from 'commander'

import { BrokerError } from '../../base/errors.ts'
import { unixTransport } from '../../sdk-node/unix-transport.ts'
import { connect } from '../../sdk/index.ts'
import type { Client } from '../../sdk/index.ts'
import { clientOf, describeCommand, socketsOf, withNamedProgress } from '../cli.ts'
import type { Cli, Globals } from '../cli.ts'
import { checkPermissionsAndDisk } from './doctor-permissions.ts'
import { checkDatabases, salvageDatabase } from './doctor-databases.ts'
import { checkBackup } from './doctor-backup.ts'
import { checkModels, checkProviders, checkVersion } from './doctor-info.ts'
import { checkKeys } from './doctor-keys.ts'
import { getHealth, timedCheck } from './finding.ts'
import type { Finding } from './finding.ts'
import { plural } from '../terminal/format.ts'
import { paint, print, printJson, withoutControls } from '../terminal/terminal.ts'
import type { Terminal } from '../terminal/terminal.ts'

interface Options extends Globals {
  readonly ask?: boolean | undefined
  readonly mend?: boolean | undefined
  readonly salvage?: string | undefined
  readonly backup?: string | undefined
  readonly out?: string | undefined
}

export function doctorCommand(cli: Cli): Command {
  return describeCommand('doctor', 'Check the setup, and suggest what would help', [
    'hero_aibroker doctor',
    'hero_aibroker doctor --mend',
    'hero_aibroker doctor --ask -m gpt-4o-mini',
    'hero_aibroker doctor --salvage ~/hero/var/hero_aibroker/requests.db',
    'hero_aibroker doctor --backup /media/usb/2026-01-31.tar.gz',
  ])
    .option('--ask', 'also send the model a short request, which may cost a little')
    .option('--mend', 'fix the permissions of files and sockets that other users of this machine could open')
    .option(
      '--salvage <database>',
      'write what can be read of a damaged requests.db or apikeys.db into a new file; no broker may use it',
    )
    .option('--backup <file>', 'check a file of “hero_aibroker backup”, and nothing else')
    .option('-o, --out <file>', 'the new file of --salvage (default: its name with .salvaged)')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Options>()
      const { salvage: from, out, backup, json } = options
      if (from !== undefined) return salvageDatabase(cli, { from, to: out ?? `${from}.salvaged`, json })
      const found = backup === undefined ? await runChecks(cli, options) : [await checkBackup(cli, backup)]
      const findings = options.mend === true ? await Promise.all(found.map(fixPermissions)) : found
      if (options.json) printJson(cli.terminal, findings)
      else for (const finding of findings) printFinding(cli.terminal, finding)
      const bad = findings.filter(({ state }) => state === 'bad')
      if (bad.length > 0) throw new BrokerError('stopping', `${plural(bad.length, 'check')} failed`)
      return undefined
    })
}

/** Checks the two sockets first; if both respond, then the broker's own report, its files, and its providers. */
async function runChecks(cli: Cli, options: Options): Promise<readonly Finding[]> {
  const sockets = socketsOf(cli, options)
  const transport = withNamedProgress(cli, options, unixTransport(sockets))
  const directClient = connect(transport)
  const socketChecks = [
    await timedCheck(`${sockets.rpc} responds`, TIMEOUT_S, (signal) =>
      directClient.call('health', {}, { signal }),
    ),
    await timedCheck(`${sockets.rest} responds`, TIMEOUT_S, (signal) => getHealth(transport, signal)),
  ]
  if (socketChecks.some(({ state }) => state === 'bad'))
    return [...socketChecks, ...(await checkDatabases(cli))]
  const client = clientOf(cli, options)
  const info = await client.call('info')
  return [
    ...socketChecks,
    checkVersion(cli.version, info),
    ...(info.data_dir === '' ? [] : await checkPermissionsAndDisk(Object.values(sockets), info.data_dir)),
    ...(info.data_dir === '' ? [] : await checkDatabases(cli, info.data_dir)),
    ...checkProviders(info),
    ...(await checkKeys(client, info)),
    checkModels(info),
    ...(await checkMcpServers(client)),
    ...info.warnings.map((what): Finding => ({ state: 'doubtful', what })),
    ...(options.ask === true ? [await checkChat(client, options.model)] : []),
  ]
}

/** The servers that are not usable, and what their programs inherit. */
async function checkMcpServers(client: Client): Promise<readonly Finding[]> {
  const servers = await client.call('mcp.servers')
  const inherited = new Set(servers.flatMap(({ inherits = [] }) => inherits))
  return [
    ...servers.flatMap(({ name, problem }): Finding[] =>
      problem === undefined ? [] : [{ state: 'doubtful', what: `MCP server ${name}: ${problem}` }],
    ),
    ...(inherited.size === 0
      ? []
      : [{ state: 'good', what: `MCP servers inherit ${[...inherited].join(', ')}` } as const]),
  ]
}

const TIMEOUT_S = 5
const MODEL_TIMEOUT_S = 60

async function checkChat(client: Client, model: string): Promise<Finding> {
  const request = { model, max_tokens: 16, messages: [{ role: 'user', content: 'Say yes.' }] } as const
  return timedCheck(`${model} responds to a chat request`, MODEL_TIMEOUT_S, (signal) =>
    client.chat(request, { signal }),
  )
}

async function fixPermissions(finding: Finding): Promise<Finding> {
  const { mend } = finding
  if (mend === undefined) return finding
  try {
    await chmod(mend.path, mend.mode)
    return { state: 'good', what: `fixed: ${finding.what}` }
  } catch (cause) {
    return { ...finding, advice: `the permissions could not be changed: ${String(cause)}` }
  }
}

const MARKS = { good: ['green', '✓'], doubtful: ['yellow', '!'], bad: ['red', '✗'] } as const

function printFinding(terminal: Terminal, { state, what, advice }: Finding): void {
  const [colour, mark] = MARKS[state]
  print(terminal, `${paint(terminal, colour, mark)} ${withoutControls(what)}`)
  if (advice !== undefined) print(terminal, `  ${paint(terminal, 'dim', withoutControls(advice))}`)
}
