// The program `hero_aibroker_services`: runs the configured MCP servers and serves each on a socket of its own, and all on one.
import { Command } from 'commander'
import { pino } from 'pino'
import { systemClock } from '../base/clock.ts'
import { asBrokerError, ERRORS } from '../base/errors.ts'
import { loadConfig } from '../config/config.ts'
import { exitOnUsageError } from '../runtime/usage-error.ts'
import { VERSION } from '../runtime/version.ts'
import { startMcpHost } from './start.ts'

const program = new Command('hero_aibroker_services')
  .description(
    'Runs the MCP servers of MCP_CONFIG_PATH: one socket for each, and one for all of them together.',
  )
  .version(VERSION)
  .addHelpText(
    'after',
    `
Settings are environment variables:
  MCP_CONFIG_PATH   the servers, as JSON; read again whenever it changes
  HERO_SOCKET_DIR   folder of the sockets   (~/hero/var/sockets)

Example:
  MCP_CONFIG_PATH=./mcp_servers.json hero_aibroker_services`,
  )
  .action(run)

await exitOnUsageError(program).parseAsync()

async function run(): Promise<void> {
  try {
    const config = loadConfig({ env: process.env, cwd: process.cwd() })
    const log = pino({ level: config.logLevel }, pino.destination(2))
    const host = await startMcpHost({ config, environment: process.env, clock: systemClock, log })
    process.stdout.write(`${host.sockets().join('\n')}\n`)
    const stop = (): void => void host.close().then(() => process.exit(0), fail)
    process.once('SIGTERM', stop)
    process.once('SIGINT', stop)
  } catch (error) {
    fail(error)
  }
}

function fail(error: unknown): never {
  const { code, message, stack, cause } = asBrokerError(error)
  process.stderr.write(`hero_aibroker_services: ${message}\n`)
  if (code === 'internal') process.stderr.write(`${cause instanceof Error ? cause.stack : stack}\n`)
  process.exit(ERRORS[code].exit)
}
