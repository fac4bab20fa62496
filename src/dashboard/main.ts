// The program `hero_aibroker_admin`: serves the dashboard on `admin.sock`, and on TCP where it is asked to.
import type { Server } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { systemClock } from '../base/clock.ts'
import { BrokerError } from '../base/errors.ts'
import { loadConfig } from '../config/config.ts'
import { bindTcp, bindUnixSocket } from '../runtime/bind.ts'
import { openProgramOutput } from '../runtime/output/program-output.ts'
import { ProgramSignals } from '../runtime/signals.ts'
import { socketPaths } from '../runtime/socket-paths.ts'
import { exitOnUsageError } from '../runtime/usage-error.ts'
import { VERSION } from '../runtime/version.ts'
import { openAssets } from './assets.ts'
import { buildInClone } from './build-in-clone.ts'
import { createDashboard } from './dashboard-server.ts'

interface AdminFlags {
  readonly address?: string
  readonly port?: string
  readonly anyPort?: boolean
}

const program = new Command('hero_aibroker_admin')
  .description('The dashboard of the broker: on admin.sock, and on TCP with a login.')
  .version(VERSION)
  .option('--address <ip>', 'also listen on TCP at this address', undefined)
  .option('--port <number>', 'the port for TCP; 0 lets the system choose')
  .option('--any-port', 'take any other port when that one is in use')
  .addHelpText(
    'after',
    `
Settings are environment variables, as for hero_aibroker_server:
  HERO_SOCKET_DIR   folder of the sockets   (~/hero/var/sockets)
  ADMIN_TOKEN       the broker’s admin token; a printed link logs in with it

Example:
  hero_aibroker_admin --address 127.0.0.1 --port 33851`,
  )
  .action(run)

await exitOnUsageError(program).parseAsync()

async function run({ address = '127.0.0.1', port, anyPort = false }: AdminFlags): Promise<void> {
  const signals = new ProgramSignals()
  const output = openProgramOutput('hero_aibroker_admin', systemClock)
  try {
    const config = loadConfig({ env: process.env, cwd: process.cwd() })
    const sockets = socketPaths(config.socketDir)
    buildInClone(packageFolder())
    const dashboard = createDashboard({
      sockets,
      assets: openAssets(join(packageFolder(), 'dist', 'dashboard-app')),
      clock: systemClock,
      adminToken: config.adminToken?.reveal(),
    })
    const bound = await bindUnixSocket(dashboard.socketServer, sockets.admin)
    if (port !== undefined) await bindPort(dashboard.tcpServer, address, portOf(port), anyPort)
    output.out.write(`  dashboard  ${dashboard.newLink() ?? sockets.admin}\n`)
    const close = (): void => {
      bound.unbind()
      for (const server of [dashboard.socketServer, dashboard.tcpServer]) {
        server.close()
        server.closeAllConnections()
      }
      void output.exit(0)
    }
    signals.serve({ reload: async () => undefined, drain: close, quit: close })
  } catch (error) {
    await output.fail(error)
  }
}

async function bindPort(server: Server, address: string, port: number, anyPort: boolean): Promise<void> {
  try {
    await bindTcp(server, address, port)
  } catch (error) {
    if (!anyPort) throw error
    await bindTcp(server, address, 0)
  }
}

function portOf(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port >= 0 && port < 65_536) return port
  throw new BrokerError('bad-request', `--port ${text} is not a port; take one from 0 to 65535`)
}

/** The folder of the package: `src/dashboard` and `dist/dashboard` are both two folders below it. */
function packageFolder(): string {
  return fileURLToPath(new URL('../..', import.meta.url))
}
