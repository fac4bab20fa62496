import type { Command } from 'commander'

import { asBrokerError, BrokerError } from '../../base/errors.ts'
import { unixTransport } from '../../sdk-node/unix-transport.ts'
import { connect } from '../../sdk/index.ts'
import type { Client, Result, Transport } from '../../sdk/index.ts'
import { readText } from '../../sdk/transport.ts'
import { describeCommand, socketsOf } from './cli.ts'
import type { Cli, Globals } from './cli.ts'
import { formatMs, plural } from './format.ts'
import { paint, print, printJson, withoutControls } from './terminal.ts'
import type { Terminal } from './terminal.ts'

/** What one look found. */
interface Finding {
  readonly state: 'good' | 'doubtful' | 'bad'
  readonly what: string
  /** What would help. */
  readonly advice?: string | undefined
}

type Info = Result<'info'>

export function doctorCommand(cli: Cli): Command {
  return describeCommand('doctor', 'Look for what is wrong, and say what would help', [
    'hero_aibroker doctor',
    'hero_aibroker doctor --ask -m gpt-4o-mini',
  ])
    .option('--ask', 'also ask the model a short question, which may cost a little')
    .action(async (_options: unknown, command: Command) => {
      const globals = command.optsWithGlobals<Globals & { readonly ask?: boolean }>()
      const findings = await examine(cli, globals)
      if (globals.json) printJson(cli.terminal, findings)
      else for (const finding of findings) printFinding(cli.terminal, finding)
      const bad = findings.filter(({ state }) => state === 'bad')
      if (bad.length > 0) throw new BrokerError('stopping', `${plural(bad.length, 'check')} failed`)
    })
}

async function examine(cli: Cli, globals: Globals & { readonly ask?: boolean }): Promise<Finding[]> {
  const sockets = socketsOf(cli, globals)
  const transport = unixTransport(sockets)
  const client = connect(transport)
  const findings = [
    await tryTo(`${sockets.rpc} answers`, PATIENCE_S, (signal) => client.call('health', {}, { signal })),
    await tryTo(`${sockets.rest} answers`, PATIENCE_S, (signal) => getHealth(transport, signal)),
  ]
  if (findings.some(({ state }) => state === 'bad')) return findings
  const info = await client.call('info')
  return [
    ...findings,
    sameVersion(cli.version, info),
    ...lookAtProviders(info),
    lookAtModels(info),
    ...info.warnings.map((what): Finding => ({ state: 'doubtful', what })),
    ...(globals.ask === true ? [await ask(client, globals.model)] : []),
  ]
}

const PATIENCE_S = 5
const PATIENCE_WITH_MODELS_S = 60

async function getHealth(transport: Transport, signal: AbortSignal): Promise<void> {
  const { status, body } = await transport({ door: 'rest', method: 'GET', path: '/health', signal })
  await readText(body)
  if (status !== 200)
    throw new BrokerError('internal', `the REST door answers HTTP ${status} when asked for its health`)
}

/** Good when it works, with the time that it took. */
async function tryTo(
  what: string,
  seconds: number,
  run: (signal: AbortSignal) => Promise<unknown>,
): Promise<Finding> {
  const startedAt = performance.now()
  const signal = AbortSignal.timeout(seconds * 1000)
  try {
    await run(signal)
    return { state: 'good', what: `${what} in ${formatMs(performance.now() - startedAt)}` }
  } catch (thrown) {
    if (signal.aborted)
      return {
        state: 'bad',
        what: `not so within ${seconds} s: ${what}`,
        advice: 'is it stuck? its log may tell',
      }
    const error = asBrokerError(thrown)
    return { state: 'bad', what: error.message, advice: adviceFor(error) }
  }
}

function adviceFor({ cause }: BrokerError): string | undefined {
  switch (cause instanceof Error && 'code' in cause ? cause.code : undefined) {
    case 'ENOENT':
      return 'nothing is there: start a broker with “npm start”, or name its socket with --socket'
    case 'ECONNREFUSED':
      return 'a broker left this socket behind; “npm start” takes its place'
    case 'EACCES':
      return 'you may not open it: it belongs to another user of this machine'
    default:
      return undefined
  }
}

function sameVersion(own: string, { version }: Info): Finding {
  if (own === version) return { state: 'good', what: `broker and command line are both ${own}` }
  return { state: 'doubtful', what: `the broker is ${version}, this is ${own}`, advice: 'restart the broker' }
}

/** The built-in echo is always there, and is no model. */
const BUILT_IN = 'local'

function lookAtProviders({ providers }: Info): Finding[] {
  const real = providers.filter(({ name }) => name !== BUILT_IN)
  if (real.length === 0) {
    return [
      {
        state: 'doubtful',
        what: 'only the built-in echo answers',
        advice: 'for real models set OPENROUTER_API_KEY (or that of another provider) and start again',
      },
    ]
  }
  return real.map(({ display_name, state, keys, endpoints }) => ({
    state: state === 'ready' ? 'good' : 'doubtful',
    what: `${display_name}: ${state}, ${plural(keys, 'key')}, ${plural(endpoints, 'model')}`,
  }))
}

function lookAtModels({ models, models_config: { path, problems = [] } }: Info): Finding {
  if (problems.length > 0) {
    return {
      state: 'doubtful',
      what: `${path}: ${problems.join('; ')}`,
      advice: 'mend the file; it is read again by itself',
    }
  }
  return { state: models > 0 ? 'good' : 'bad', what: `${plural(models, 'model')} on offer, from ${path}` }
}

async function ask(client: Client, model: string): Promise<Finding> {
  const question = { model, max_tokens: 16, messages: [{ role: 'user', content: 'Say yes.' }] } as const
  return tryTo(`${model} answers a question`, PATIENCE_WITH_MODELS_S, (signal) =>
    client.chat(question, { signal }),
  )
}

const MARKS = { good: ['green', '✓'], doubtful: ['yellow', '!'], bad: ['red', '✗'] } as const

function printFinding(terminal: Terminal, { state, what, advice }: Finding): void {
  const [colour, mark] = MARKS[state]
  print(terminal, `${paint(terminal, colour, mark)} ${withoutControls(what)}`)
  if (advice !== undefined) print(terminal, `  ${paint(terminal, 'dim', advice)}`)
}
