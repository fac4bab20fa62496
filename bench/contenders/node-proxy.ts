import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild, waitUntilReady } from '../processes/child.ts'
import type { Contender } from './contender.ts'

const SERVER = join(import.meta.dirname, 'node-proxy-server.ts')

/** The minimum cost on Node: node:http in front of undici, bytes forwarded without parsing. */
export const nodeProxy: Contender = {
  name: 'node-proxy',
  warmsUp: true,
  async start(upstream) {
    const folder = await mkdtemp(join(tmpdir(), 'bench-node-'))
    const socketPath = join(folder, 's')
    const child = startChild(process.execPath, [SERVER, socketPath, String(upstream.port)])
    await waitUntilReady({ socketPath }, '/health', child)
    return {
      target: { socketPath },
      pid: child.pid,
      async stop() {
        await child.stop()
        await rm(folder, { recursive: true, force: true })
      },
    }
  },
}
