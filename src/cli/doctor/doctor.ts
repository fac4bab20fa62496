import { chmod } from 'node:fs/promises'

import type { Command } from 'commander'

import { BrokerError } from '../../base/errors.ts'
import { unixTransport } from '../../sdk-node/unix-transport.ts'
import { connect } from '../../sdk/index.ts'
import type { Client } from '../../sdk/index.ts'
import { clientOf, describeCommand, socketsOf } from '../cli.ts'
import type { Cli, Globals } from '../cli.ts'
import { lookAtHouse } from './doctor-permissions.ts'
import { lookAtModels, lookAtProviders, sameVersion } from './doctor-info.ts'
import { tryKeys } from './doctor-keys.ts'
import { getHealth, tryTo } from './finding.ts'
import type { Finding } from './finding.ts'
import { plural } from '../terminal/format.ts'
import { paint, print, printJson, withoutControls } from '../terminal/terminal.ts'
import type { Terminal } from '../terminal/terminal.ts'

interface Options extends Globals {
  readonly ask?: boolean | undefined
  readonly mend?: boolean | undefined
}

export function doctorCommand(cli: Cli): Command {
  return describeCommand('doctor', 'Look for what is wrong, and say what would help', [
    'hero_aibroker doctor',
    'hero_aibroker doctor --mend',
    'hero_aibroker doctor --ask -m gpt-4o-mini',
  ])
    .option('--ask', 'also ask the model a short question, which may cost a little')
    .option('--mend', 'close files and sockets that others on this machine could open')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Options>()
      const found = await examine(cli, options)
      const findings = options.mend === true ? await Promise.all(found.map(mended)) : found
      if (options.json) printJson(cli.terminal, findings)
      else for (const finding of findings) printFinding(cli.terminal, finding)
      const bad = findings.filter(({ state }) => state === 'bad')
      if (bad.length > 0) throw new BrokerError('stopping', `${plural(bad.length, 'check')} failed`)
    })
}

/** First whether anybody is there, then what the broker says, what its files look like, and whom it can reach. */
async function examine(cli: Cli, options: Options): Promise<readonly Finding[]> {
  const sockets = socketsOf(cli, options)
  const transport = unixTransport(sockets)
  const plain = connect(transport)
  const doors = [
    await tryTo(`${sockets.rpc} answers`, PATIENCE_S, (signal) => plain.call('health', {}, { signal })),
    await tryTo(`${sockets.rest} answers`, PATIENCE_S, (signal) => getHealth(transport, signal)),
  ]
  if (doors.some(({ state }) => state === 'bad')) return doors
  const client = clientOf(cli, options)
  const info = await client.call('info')
  return [
    ...doors,
    sameVersion(cli.version, info),
    ...(await lookAtHouse(Object.values(sockets), info.data_dir)),
    ...lookAtProviders(info),
    ...(await tryKeys(client, info)),
    lookAtModels(info),
    ...info.warnings.map((what): Finding => ({ state: 'doubtful', what })),
    ...(options.ask === true ? [await ask(client, options.model)] : []),
  ]
}

const PATIENCE_S = 5
const PATIENCE_WITH_MODELS_S = 60

async function ask(client: Client, model: string): Promise<Finding> {
  const question = { model, max_tokens: 16, messages: [{ role: 'user', content: 'Say yes.' }] } as const
  return tryTo(`${model} answers a question`, PATIENCE_WITH_MODELS_S, (signal) =>
    client.chat(question, { signal }),
  )
}

async function mended(finding: Finding): Promise<Finding> {
  const { mend } = finding
  if (mend === undefined) return finding
  try {
    await chmod(mend.path, mend.mode)
    return { state: 'good', what: `mended: ${finding.what}` }
  } catch (cause) {
    return { ...finding, advice: `it could not be mended: ${String(cause)}` }
  }
}

const MARKS = { good: ['green', '✓'], doubtful: ['yellow', '!'], bad: ['red', '✗'] } as const

function printFinding(terminal: Terminal, { state, what, advice }: Finding): void {
  const [colour, mark] = MARKS[state]
  print(terminal, `${paint(terminal, colour, mark)} ${withoutControls(what)}`)
  if (advice !== undefined) print(terminal, `  ${paint(terminal, 'dim', withoutControls(advice))}`)
}
