import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startChild, waitUntilReady } from '../processes/child.ts'
import type { Contender } from './contender.ts'

const PACKAGE = '@portkey-ai/gateway'
const MANIFEST = {
  private: true,
  dependencies: { [PACKAGE]: '1.15.2' },
  // With @hono/node-server 1.14 and later every stream ends in a 500, “TypeError: immutable” (seen with 1.19.19 on Node 24).
  overrides: { '@hono/node-server': '1.13.8' },
}

/** Another gateway on the same Node. It is not a dependency: see `installPortkey`. */
export const portkey = (folder: string): Contender => ({
  name: 'portkey',
  warmsUp: true,
  missing: () => (existsSync(serverIn(folder)) ? undefined : `${PACKAGE} is not in ${folder}`),
  async start(upstream) {
    const port = await freePort()
    const child = startChild(process.execPath, [serverIn(folder), `--port=${port}`, '--headless'])
    await waitUntilReady({ port }, '/', child)
    return {
      target: { port },
      pid: child.pid,
      headers: {
        authorization: 'Bearer test',
        'x-portkey-provider': 'openai',
        'x-portkey-custom-host': `http://127.0.0.1:${upstream.port}/v1`,
      },
      stop: () => child.stop(),
    }
  },
})

/** Installs the package into `folder` with npm, unless it is there. The only step of the benchmark that needs a network. */
export async function installPortkey(folder: string): Promise<void> {
  if (existsSync(serverIn(folder))) return
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), JSON.stringify(MANIFEST))
  const quietly = ['--no-audit', '--no-fund', '--ignore-scripts']
  await promisify(execFile)('npm', ['install', ...quietly], { cwd: folder, timeout: 300_000 })
}

const serverIn = (folder: string) => join(folder, 'node_modules', PACKAGE, 'build/start-server.js')

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
