// The program `hero_aibroker_services`: runs the configured MCP servers and serves each on a socket of its own, and all on one.
import { Command } from 'commander'
import { systemClock } from '../base/clock.ts'
import { loadConfig } from '../config/config.ts'
import { openProgramOutput, type ProgramOutput } from '../runtime/output/program-output.ts'
import { ProgramSignals, type SignalActions } from '../runtime/signals.ts'
import { exitOnUsageError } from '../runtime/usage-error.ts'
import { VERSION } from '../runtime/version.ts'
import { startMcpHost, type McpHost } from './start.ts'

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
  const signals = new ProgramSignals()
  const output = openProgramOutput('hero_aibroker_services', systemClock)
  try {
    const config = loadConfig({ env: process.env, cwd: process.cwd() })
    const log = output.openLog(config.logLevel)
    const host = await startMcpHost({ config, environment: process.env, clock: systemClock, log })
    output.out.write(`${host.sockets().join('\n')}\n`)
    signals.serve(actionsOf(host, output))
  } catch (error) {
    await output.fail(error)
  }
}

function actionsOf(host: McpHost, output: ProgramOutput): SignalActions {
  let closing: Promise<void> | undefined
  const close = (): void => {
    closing ??= host.close().then(() => output.exit(0), output.fail)
  }
  return {
    async reload() {
      await output.errors.reopen()
      await host.gateway.reloadConfig()
    },
    drain: close,
    quit() {
      host.hurry()
      close()
    },
  }
}
