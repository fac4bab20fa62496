import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startBroker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'hero_aibroker_server.js')
const UNSHARE = ['--pid', '--fork', '--mount-proc', '--kill-child']
const hasNamespaces = spawnSync('unshare', [...UNSHARE, 'true']).status === 0

test.skipIf(!hasNamespaces)(
  'as process 1 of a container the broker asks for an init, and stops on SIGTERM',
  async () => {
    using folder = tempFolder()
    const env = {
      PATH: process.env['PATH'],
      HOME: folder.path,
      AIBROKER_DETECT: 'off',
      AIBROKER_CATALOG: 'off',
      HERO_SOCKET_DIR: join(folder.path, 's'),
    }
    // The shell inside stops process 1 once it has opened its sockets.
    const stop = `while ! test -S ${folder.path}/s/hero_aibroker/rpc.sock; do sleep 0.05; done; kill -TERM 1`
    const start = `(${stop}) & exec ${process.execPath} ${BIN}`
    const child = spawn('unshare', [...UNSHARE, 'sh', '-c', start], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)))
    const [code] = (await once(child, 'close')) as [number]
    expect(output).toContain('start the container with an init (docker run --init')
    expect(code).toBe(0)
  },
)

test('a broker that is not process 1 does not mention an init', async () => {
  await using broker = await startBroker()
  expect(broker.stderr()).not.toContain('--init')
})
