// Each broker of a tree is killed in mid-stream; afterwards all books agree again.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTree, type BrokerTree, type Place } from '../support/broker-tree.ts'
import { openResponse } from '../support/open-request.ts'
import { chatChunk, done, finishChunk, sse, stall, usageChunk } from '../support/scripted-upstream.ts'
import type { LogRow } from '../support/start-broker.ts'

const CHAT = '/v1/chat/completions'
const chat = { model: 'gpt-4o-mini', stream: true, messages: [{ role: 'user', content: 'hi' }] }

let tree: BrokerTree

beforeAll(async () => {
  tree = await startTree()
}, 60_000)

afterAll(() => tree[Symbol.asyncDispose]())

/** What counts against budgets: costs, and what they may be beyond. */
function spentOf(rows: readonly LogRow[]): number {
  return rows.reduce((sum, row) => sum + Number(row['cost_nano'] ?? 0) + Number(row['uncertain_nano']), 0)
}

function books(): { readonly root: number; readonly between: number; readonly bottom: number } {
  const of = (place: Place): number => spentOf(tree.at(place).rows())
  return { root: of('root'), between: of('left') + of('right'), bottom: of('bottom') }
}

/** `right` is on the way of a request while `left` is disabled. */
const PLACES: readonly Place[] = ['bottom', 'left', 'right', 'root']

test.each(PLACES)(
  'after %s was killed in mid-stream and restarted, all brokers book the same, and none holds anything',
  { timeout: 60_000 },
  async (place) => {
    await tree.at('bottom').rpc('mothers.update', { id: 'ai_broker_mother', enabled: place !== 'right' })
    tree.play([sse(chatChunk('one two three')), stall])
    const { upstream } = tree
    const before = upstream.requests.length
    const response = await openResponse({
      socketPath: tree.at('bottom').sockets.rest,
      method: 'POST',
      path: CHAT,
      body: chat,
    })
    await response.until('one two')
    tree.play([
      sse(chatChunk('four'), finishChunk(), usageChunk({ prompt_tokens: 9, completion_tokens: 1 }), done),
    ])
    const ending = response.rest().catch(() => 'broken')
    await tree.kill(place)
    expect(await ending).not.toContain('four')
    await tree.restart(place)
    await tree.quiet()
    await expect.poll(() => new Set(Object.values(books())).size, { timeout: 30_000, interval: 100 }).toBe(1)
    expect(books().root).toBeGreaterThan(0)
    expect(upstream.requests.length - before).toBeLessThanOrEqual(4)
    await tree.at('bottom').rpc('mothers.update', { id: 'ai_broker_mother', enabled: true })
    expect(await tree.at('bottom').rpc('ledger.reconcile')).toMatchObject({
      open: 0,
      unanswered: 0,
      differences: [],
    })
    expect(await tree.at('bottom').rpc('ledger.verify')).not.toHaveProperty('broken')
  },
)
