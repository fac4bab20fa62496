// The daemon `hero_aibroker_server`.
import { Command } from 'commander'
import { pino, type Logger } from 'pino'
import { systemClock } from '../base/clock.ts'
import { asBrokerError, ERRORS } from '../base/errors.ts'
import { guardJsonParse } from '../base/parse-json.ts'
import { loadConfig, type Config, type Flags } from '../config/config.ts'
import { banner } from './banner.ts'
import { exitOnUsageError } from '../runtime/usage-error.ts'
import { startDaemon, type Daemon } from './start.ts'
import { disablePretenuring, trimMemory } from '../runtime/v8-tuning.ts'
import { VERSION } from '../runtime/version.ts'

const program = new Command('hero_aibroker_server')
  .description('The LLM broker: one daemon on Unix sockets in front of all providers.')
  .version(VERSION)
  .option(
    '--address <ip>',
    'also listen on TCP at this address (with --port); beyond loopback ADMIN_TOKEN must be set',
  )
  .option('--port <number>', 'the port for --address')
  .option('--open-tcp', 'allow --address to be reachable from other machines although no token is required')
  .option(
    '--workers <number>',
    'number of processes that serve requests, one for each core to use (default: 1)',
  )
  .option('--mother', 'call this broker the root of a cascade; shown by `info`')
  .addHelpText('after', helpText())
  .action(run)

await exitOnUsageError(program).parseAsync()

function helpText(): string {
  return `
Settings are environment variables; the usual ones:
  OPENROUTER_API_KEY, OPENAI_API_KEY, GROQ_API_KEY, SAMBANOVA_API_KEY, ALIBABA_API_KEY   keys; …_API_KEYS takes several, with commas
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
  guardJsonParse()
  disablePretenuring()
  try {
    const config = loadConfig({ env: process.env, cwd: process.cwd(), argv: flags })
    const log = pino({ level: config.logLevel }, pino.destination(2))
    const daemon = await startDaemon(config, systemClock, log, flags)
    process.stdout.write(`${banner(daemon, config)}\n`)
    stopOnSignal(daemon, config, log)
    trimMemory()
  } catch (error) {
    fail(error)
  }
}

/** The first signal drains, the second one exits at once. */
function stopOnSignal(daemon: Daemon, config: Config, log: Logger): void {
  let state: 'running' | 'draining' = 'running'
  const stop = (signal: NodeJS.Signals): void => {
    if (state === 'draining') process.exit(130)
    state = 'draining'
    reportStopping(signal, config.drainTimeoutMs, log)
    daemon.close().then(() => process.exit(0), fail)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

/** Writes a sentence to a terminal, and a log line elsewhere. */
function reportStopping(signal: NodeJS.Signals, graceMs: number, log: Logger): void {
  if (!process.stderr.isTTY) log.info({ signal, graceMs }, 'stopping; open requests may finish')
  else
    process.stderr.write(
      `\nStopping: open requests may finish within ${Math.ceil(graceMs / 1000)} s. Ctrl-C again ends at once.\n`,
    )
}

function fail(error: unknown): never {
  const { code, message, stack, cause } = asBrokerError(error)
  process.stderr.write(`hero_aibroker_server: ${message}\n`)
  if (code === 'internal') process.stderr.write(`${cause instanceof Error ? cause.stack : stack}\n`)
  process.exit(ERRORS[code].exit)
}
