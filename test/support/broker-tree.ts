/** A diamond of real brokers: `bottom` → `left` (over TCP) and `right` (over a Unix socket) → `root` → one scripted provider. */
import { expect } from 'vitest'
import { openaiAt } from './providers-env.ts'
import { scriptedUpstream, type Script, type ScriptedUpstream } from './scripted-upstream.ts'
import { startBroker, type Broker, type LogRow } from './start-broker.ts'
import { tempFolder } from './temp-folder.ts'

const NAMES = ['root', 'left', 'right', 'bottom'] as const
export type Place = (typeof NAMES)[number]

export interface BrokerTree extends AsyncDisposable {
  readonly upstream: ScriptedUpstream
  /** The broker that runs at a place now. */
  at(place: Place): Broker
  /** What the provider does from now on. */
  play(script: Script): void
  /** Kills a broker with SIGKILL. */
  kill(place: Place): Promise<void>
  /** Starts a killed broker again, on its folder and port. */
  restart(place: Place): Promise<void>
  /** Resolves when no broker has an open hold. */
  quiet(): Promise<void>
  /** Rows that were written since the last call, by place. */
  newRows(): Readonly<Record<Place, readonly LogRow[]>>
}

const ON_TCP = ['--address', '127.0.0.1', '--port']

export async function startTree(env: Readonly<Record<string, string>> = {}): Promise<BrokerTree> {
  let script: Script = []
  const upstream = await scriptedUpstream((request, nth) =>
    typeof script === 'function' ? script(request, nth) : script,
  )
  const folders = { root: tempFolder(), left: tempFolder(), right: tempFolder(), bottom: tempFolder() }
  const brokers = new Map<Place, Broker>()
  const ports = new Map<Place, number>()
  const counted = new Map<Place, number>()

  async function start(place: Place): Promise<void> {
    const isOnTcp = place === 'root' || place === 'left'
    const own = place === 'root' ? openaiAt(upstream) : {}
    const args = isOnTcp ? [...ON_TCP, String(ports.get(place) ?? 0)] : []
    const broker = await startBroker({ folder: folders[place].path, env: { ...own, ...env }, args })
    brokers.set(place, broker)
    ports.set(place, broker.port)
  }

  const at = (place: Place): Broker => {
    const broker = brokers.get(place)
    if (broker === undefined) throw new Error(`no broker runs at ${place}`)
    return broker
  }
  await Promise.all(NAMES.map(start))
  const rootAt = { address: '127.0.0.1', port: at('root').port }
  await at('left').rpc('mothers.add', rootAt)
  await at('right').rpc('mothers.add', rootAt)
  await at('bottom').rpc('mothers.add', { address: '127.0.0.1', port: at('left').port, priority: 1 })
  await at('bottom').rpc('mothers.add', { socket: at('right').sockets.rest, priority: 5 })

  return {
    upstream,
    at,
    play: (next) => (script = next),
    async kill(place) {
      at(place).signal('SIGKILL')
      await at(place).ended
    },
    restart: start,
    async quiet() {
      const open = (): number => NAMES.reduce((sum, place) => sum + at(place).openHolds(), 0)
      await expect.poll(open, { timeout: 15_000, interval: 25 }).toBe(0)
    },
    newRows() {
      const fresh = (place: Place): readonly LogRow[] => {
        const rows = at(place).rows()
        const seen = counted.get(place) ?? 0
        counted.set(place, rows.length)
        return rows.slice(seen)
      }
      return { root: fresh('root'), left: fresh('left'), right: fresh('right'), bottom: fresh('bottom') }
    },
    async [Symbol.asyncDispose]() {
      for (const broker of brokers.values()) await broker[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
      for (const folder of Object.values(folders)) folder[Symbol.dispose]()
    },
  }
}

/** What rows cost together, each with its bounds. */
export function moneyOf(rows: readonly LogRow[]): {
  readonly cost: number
  readonly low: number
  readonly high: number
} {
  const sum = (amountOf: (row: LogRow) => number): number => rows.reduce((all, row) => all + amountOf(row), 0)
  const costOf = (row: LogRow): number => Number(row['cost_nano'] ?? 0)
  return {
    cost: sum(costOf),
    low: sum((row) => Number(row['cost_low_nano'] ?? costOf(row))),
    high: sum((row) => Number(row['cost_high_nano'] ?? costOf(row))),
  }
}
