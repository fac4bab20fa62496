// The daemon `hero_aibroker_server`.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { isatty } from 'node:tty'
import type { Logger } from 'pino'
import { systemClock } from '../base/clock.ts'
import { guardJsonParse } from '../base/parse-json.ts'
import { loadConfig, type Config, type Flags } from '../config/config.ts'
import { banner } from './banner.ts'
import { openProgramOutput, type ProgramOutput } from '../runtime/output/program-output.ts'
import { ProgramSignals, type SignalActions } from '../runtime/signals.ts'
import { exitOnUsageError } from '../runtime/usage-error.ts'
import { startDaemon, type Daemon } from './start.ts'
import { disablePretenuring, trimMemory } from '../runtime/v8-tuning.ts'
import { VERSION } from '../runtime/version.ts'

const CHECK_LOG_MS = 5000
/** The port at which the dashboard is looked for first. */
const DASHBOARD_PORT = '33851'

const program = new Command('hero_aibroker_server')
  .description('The LLM broker: one daemon on Unix sockets in front of all providers.')
  .version(VERSION)
  .option(
    '--address <ip>',
    'also listen on TCP at this address, or at “auto”, that of mycelium (with --port); beyond loopback ADMIN_TOKEN must be set',
  )
  .option('--port <number>', 'the port for --address')
  .option('--open-tcp', 'allow --address to be reachable from other machines although no token is required')
  .option(
    '--workers <number>',
    'number of processes that serve requests, one for each core to use (default: 1)',
  )
  .option('--dashboard', 'also start the dashboard, and print a link that logs in once')
  .option('--mother', 'call this broker the root of a cascade; shown by `info`')
  .addHelpText('after', helpText())
  .action(run)

await exitOnUsageError(program).parseAsync()

function helpText(): string {
  return `
Settings are environment variables; the usual ones:
  OPENROUTER_API_KEY, OPENAI_API_KEY, ANTHROPIC_API_KEY, …   keys of providers (docs/providers.md); …_API_KEYS takes several, with commas
  HERO_SOCKET_DIR        folder of the sockets            (~/hero/var/sockets)
  MODELS_CONFIG_PATH     models, endpoints, prices        (./modelsconfig.yml, else the shipped one)
  ROUTING_STRATEGY       what “auto” means: cheapest or best
  ADMIN_TOKEN            bearer token that TCP callers must send
  AIBROKER_DURABILITY    full: a power cut takes no row; soon (default): at most those of 50 ms

Examples:
  hero_aibroker_server
  hero_aibroker_server --address 127.0.0.1 --port 33850 --mother`
}

async function run(flags: Flags): Promise<void> {
  const signals = new ProgramSignals()
  const output = openProgramOutput('hero_aibroker_server', systemClock)
  guardJsonParse()
  disablePretenuring()
  try {
    const config = loadConfig({ env: process.env, cwd: process.cwd(), argv: flags })
    const log = output.openLog(config.logLevel)
    const daemon = await startDaemon(config, systemClock, log, flags)
    output.out.write(`${banner(daemon, config)}\n`)
    if (flags.dashboard === true) startDashboard()
    signals.serve(actionsOf(daemon, config, { output, log }))
    warnOfLostLines(daemon, output)
    trimMemory()
  } catch (error) {
    await output.fail(error)
  }
}

/** The dashboard is a process of its own, which ends with this one. It works without the broker's help, and the broker without it. */
function startDashboard(): void {
  const program = fileURLToPath(new URL('../../bin/hero_aibroker_admin.js', import.meta.url))
  const child = spawn(process.execPath, [program, `--port=${DASHBOARD_PORT}`, `--any-port`], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  // It tells its own errors.
  child.on('error', () => undefined)
  child.unref()
  child.channel?.unref()
}

interface Outputs {
  readonly output: ProgramOutput
  readonly log: Logger
}

function actionsOf(daemon: Daemon, config: Config, { output, log }: Outputs): SignalActions {
  let closing: Promise<void> | undefined
  const close = (): void => {
    closing ??= daemon.close().then(() => output.exit(0), output.fail)
  }
  return {
    async reload() {
      await output.errors.reopen()
      await daemon.reload()
    },
    drain(signal) {
      reportStopping(signal, config.drainTimeoutMs, { output, log })
      close()
    },
    quit(signal) {
      log.info({ signal }, 'stopping at once; open requests end with an error')
      daemon.hurry()
      close()
    },
  }
}

/** Writes a sentence to a terminal, and a log line elsewhere. */
function reportStopping(signal: NodeJS.Signals, graceMs: number, { output, log }: Outputs): void {
  if (!isatty(2)) log.info({ signal, graceMs }, 'stopping; open requests may finish')
  else
    output.errors.write(
      `\nStopping: open requests may finish within ${Math.ceil(graceMs / 1000)} s. Ctrl-C again ends at once.\n`,
    )
}

/** Shows in `info` that the log can't be written: the log itself can't say so. */
function warnOfLostLines(daemon: Daemon, output: ProgramOutput): void {
  const { warnings } = daemon
  const problem = output.errors.problem()
  if (problem === undefined) warnings.clear('log')
  else
    warnings.raise(
      'log',
      `the log can’t be written (${problem.code}), and ${problem.lost === 0 ? 'its lines wait in memory' : `${problem.lost} lines are lost`}: free space where it is written, or read what it is piped to`,
    )
  systemClock.after(CHECK_LOG_MS, () => warnOfLostLines(daemon, output))
}
