import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { createLedger } from '../../src/ledger/ledger.ts'
import { temporaryStore } from '../store/temporary-store.ts'

test.each([50, 1000, 4000])(
  'after a kill at %i acknowledgements, every acknowledged hold becomes exactly one entry',
  async (acknowledgements) => {
    await using here = temporaryStore()
    await here.store.close()
    const acknowledged = await killedAfter(acknowledgements, here.path)

    const ledger = createLedger({ store: await here.reopen() })
    const recovered = await ledger.recover()
    const entries = [...ledger.entries({ limit: Infinity })]
    const status = new Map(entries.map((entry) => [entry.id, entry.status]))

    expect(recovered).toBeGreaterThan(0)
    expect(ledger.openHolds()).toEqual([])
    expect(status.size).toBe(entries.length)
    expect(acknowledged.held.filter((id) => !status.has(id))).toEqual([])
    expect(acknowledged.settled.filter((id) => status.get(id) !== 'finished')).toEqual([])
    const interrupted = entries.filter((entry) => entry.status === 'interrupted')
    expect(interrupted).toHaveLength(recovered)
    expect(interrupted[0]).toMatchObject({
      countSource: 'bounded',
      costLow: 0n,
      costHigh: 1_000_000n,
      cost: undefined,
    })
    expect((await ledger.summary()).requests).toBe(entries.length)
    const finished = entries.length - recovered
    expect(ledger.balance({ ip: '10.0.0.1', context: undefined })).toEqual({
      spent: 7n * BigInt(finished) + 1_000_000n * BigInt(recovered),
      held: 0n,
    })
  },
)

/** The lines that the child had written when it was killed. */
async function killedAfter(lines: number, path: string): Promise<{ held: string[]; settled: string[] }> {
  const storm = new URL('./random-writes.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [storm, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  const acknowledged: { held: string[]; settled: string[] } = { held: [], settled: [] }
  let count = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, id] = line.split(' ')
    if (id !== undefined && (word === 'held' || word === 'settled')) acknowledged[word].push(id)
    if (++count === lines) child.kill('SIGKILL')
  }
  expect(await closed).toEqual([null, 'SIGKILL'])
  return acknowledged
}
