import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild, waitUntilReady } from '../processes/child.ts'
import type { Contender } from './contender.ts'

const daemonOf = (checkout: string): string => join(checkout, 'bin/hero_aibroker_server.js')
const THIS_CHECKOUT = join(import.meta.dirname, '../..')

/** The daemon with its ledger, as users run it, in folders of its own. */
export const broker = (profileFolder: string | undefined, workers = 1): Contender =>
  daemonOfCheckout(workers === 1 ? 'broker' : `broker, ${workers} workers`, THIS_CHECKOUT, {
    profileFolder,
    workers,
  })

/** Another checkout's daemon, to compare two versions in one run. */
export const earlierBroker = (checkout: string): Contender =>
  daemonOfCheckout('before', checkout, { workers: 1 })

const daemonOfCheckout = (
  name: string,
  checkout: string,
  { profileFolder, workers }: { readonly profileFolder?: string | undefined; readonly workers: number },
): Contender => ({
  name,
  warmsUp: true,
  missing: () => (existsSync(daemonOf(checkout)) ? undefined : `${daemonOf(checkout)} is missing`),
  async start(upstream) {
    const folder = await mkdtemp(join(tmpdir(), 'bench-broker-'))
    const socketPath = join(folder, 'sockets/hero_aibroker/rest.sock')
    const profiling = profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`]
    const child = startChild(
      process.execPath,
      [...profiling, daemonOf(checkout), '--workers', `${workers}`],
      {
        PATH: process.env['PATH'],
        HOME: folder,
        HERO_SOCKET_DIR: join(folder, 'sockets'),
        PATH_VAR: join(folder, 'var'),
        MODELS_CONFIG_PATH: join(checkout, 'modelsconfig.yml'),
        OPENAI_API_KEY: 'test',
        AIBROKER_OPENAI_URL: `http://127.0.0.1:${upstream.port}/v1`,
        AIBROKER_DETECT: 'off',
        AIBROKER_CATALOG: 'off',
      },
    )
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
})
