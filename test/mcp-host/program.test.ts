// The program `hero_aibroker_services` as a process: its signals, and outputs that can't be written.
import { spawn, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sendRequest } from '../support/open-request.ts'
import { tempFolder } from '../support/temp-folder.ts'

const BIN = join(import.meta.dirname, '../../bin/hero_aibroker_services.js')
const LIMIT = { timeout: 60_000 }

function startServices(folder: string, stdio: StdioOptions) {
  const configPath = join(folder, 'mcp.json')
  writeFileSync(configPath, '{ "mcpServers": {} }')
  const sockets = join(folder, 's', 'hero_aibroker_services')
  const child = spawn(process.execPath, [BIN], {
    stdio,
    env: {
      HOME: folder,
      HERO_SOCKET_DIR: join(folder, 's'),
      PATH_VAR: join(folder, 'v'),
      MCP_CONFIG_PATH: configPath,
    },
  })
  let errors = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const exit = once(child, 'exit')
  const health = () =>
    sendRequest({ method: 'GET', path: '/health', socketPath: join(sockets, 'mcp.sock') }).then(
      ({ status }) => status,
      () => 0,
    )
  return {
    child,
    errors: () => errors,
    exit,
    sockets,
    configPath,
    serving: () => expect.poll(health, { timeout: 30_000 }).toBe(200),
    [Symbol.dispose]: () => child.kill('SIGKILL'),
  }
}

test(
  'SIGHUP reads the file of servers again, SIGUSR1 and SIGUSR2 do nothing, SIGQUIT ends it',
  LIMIT,
  async () => {
    using folder = tempFolder()
    using services = startServices(folder.path, ['ignore', 'ignore', 'pipe'])
    await services.serving()
    const { child } = services
    for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGHUP'] as const) child.kill(signal)
    await expect.poll(() => services.errors()).toContain('mcp: configuration read again')
    await services.serving()
    expect(services.errors()).not.toContain('Debugger listening')
    child.kill('SIGQUIT')
    expect(await services.exit).toEqual([0, null])
    expect(readdirSync(services.sockets).filter((name) => !name.startsWith('.'))).toEqual([])
  },
)

test('full disks behind its outputs stop neither its start nor a request', LIMIT, async () => {
  using folder = tempFolder()
  const full = openSync('/dev/full', 'w')
  using services = startServices(folder.path, ['ignore', full, full])
  closeSync(full)
  await services.serving()
  services.child.kill('SIGHUP')
  await services.serving()
  services.child.kill('SIGTERM')
  expect(await services.exit).toEqual([0, null])
  expect(existsSync(join(services.sockets, 'mcp.sock'))).toBe(false)
})
