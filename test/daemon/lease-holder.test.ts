// A broker spends a lease of the broker above it without asking for each request, and never more than was granted.
import { expect, test } from 'vitest'
import { openaiAt } from '../support/providers-env.ts'
import { json, scriptedUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker, type Broker, type LogRow } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const CHAT = '/v1/chat/completions'
const chat = { model: 'gpt-4o-mini', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] }
const answer = {
  id: 'x',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 10, completion_tokens: 100, total_tokens: 110 },
}
const COST_NANO = 10 * 150 + 100 * 600

interface Held {
  readonly id?: string
  readonly granted_usd?: string
  readonly returned_usd?: string
  readonly spent_usd: string
  readonly held_usd: string
  readonly left_usd: string
  readonly problem?: string
}

const nano = (usd: string | undefined): number => Math.round(Number(usd) * 1e9)

async function heldBy(broker: Broker): Promise<Held> {
  const [held] = (await broker.rpc('leases.held')) as readonly Held[]
  if (held === undefined) throw new Error('no lease is configured')
  return held
}

async function listedAt(
  mother: Broker,
): Promise<readonly { id: string; left_usd: string; spent_usd: string }[]> {
  return (await mother.rpc('leases.list')) as readonly { id: string; left_usd: string; spent_usd: string }[]
}

/** What counts against budgets: costs, and what they may be beyond. */
function spentOf(rows: readonly LogRow[]): number {
  return rows.reduce((sum, row) => sum + Number(row['cost_nano'] ?? 0) + Number(row['uncertain_nano']), 0)
}

const startMother = (upstream: ScriptedUpstream, folder: string, port = 0) =>
  startBroker({ folder, env: openaiAt(upstream), args: ['--address', '127.0.0.1', '--port', String(port)] })

async function wire(child: Broker, mother: Broker, lease: string): Promise<void> {
  await child.rpc('mothers.add', { address: '127.0.0.1', port: mother.port, lease_usd: lease })
}

test('a child takes a lease by itself, spends it without asking again, and gives the rest back when it stops', async () => {
  await using upstream = await scriptedUpstream([json(200, answer)])
  using folder = tempFolder()
  await using mother = await startMother(upstream, folder.path)
  await mother.rpc('limits.set', { subject: { scope: 'everybody' }, rule: { usd_total: '1' } })
  {
    await using child = await startBroker({})
    await wire(child, mother, '0.01')
    for (let nth = 0; nth < 5; nth++) expect((await child.post(CHAT, chat)).status).toBe(200)
    const [lease] = await listedAt(mother)
    expect(lease).toMatchObject({ granted_usd: expect.any(String), spent_usd: String((5 * COST_NANO) / 1e9) })
    const held = await heldBy(child)
    expect(held).toMatchObject({
      id: lease?.id,
      held_usd: '0',
      spent_usd: lease?.spent_usd,
      left_usd: lease?.left_usd,
    })
    // One grant paid for all of them.
    expect(nano(held.granted_usd)).toBeLessThan(0.01 * 1e9 + 3 * COST_NANO)
    expect(mother.rows()).toHaveLength(5)
    child.signal('SIGTERM')
    expect((await child.ended).exit).toBe(0)
  }
  expect(await listedAt(mother)).toMatchObject([{ left_usd: '0' }])
  const [budget] = (await mother.rpc('limits.standing')) as readonly { held_usd: string; left_usd: string }[]
  expect(budget).toMatchObject({ held_usd: '0', left_usd: String(1 - (5 * COST_NANO) / 1e9) })
})

const big = { model: 'gpt-4o', max_tokens: 400, messages: chat.messages }
/** Half of what it may cost at most. */
const half = { ...answer, usage: { prompt_tokens: 10, completion_tokens: 200, total_tokens: 210 } }
const BIG_COST_NANO = 10 * 2500 + 200 * 10_000
const BIG_MOST_NANO = 2 * BIG_COST_NANO

/** Callers that each send one request after the other, until one fails. Resolves with how many were answered. */
async function callUntilRefused(child: Broker, onAnswer: (nth: number) => void): Promise<number> {
  let answered = 0
  const caller = async (): Promise<void> => {
    for (;;) {
      const response = await child.post(CHAT, big).catch(() => undefined)
      if (response?.status !== 200) return
      onAnswer(++answered)
    }
  }
  await Promise.all(Array.from({ length: 200 }, caller))
  return answered
}

/** One caller after a crowd: what the crowd held and did not use is there again. Three refusals in a row are the end. */
async function useTheRest(child: Broker): Promise<void> {
  for (let refused = 0; refused < 3;) {
    await expect.poll(() => child.openHolds(), { timeout: 20_000 }).toBe(0)
    refused = (await child.post(CHAT, big)).status === 200 ? 0 : refused + 1
  }
}

test(
  'with a lease of $1, 200 callers and a mother that is killed twice, no more than $1 is served, and all of it is usable',
  { timeout: 180_000 },
  async () => {
    await using upstream = await scriptedUpstream([json(200, half)], { discardsRequests: true })
    using folder = tempFolder()
    await using root = await startBroker({
      env: openaiAt(upstream),
      args: ['--address', '127.0.0.1', '--port', '0'],
    })
    await using mothers = new AsyncDisposableStack()
    const start = async (port = 0) =>
      mothers.use(
        await startBroker({ folder: folder.path, args: ['--address', '127.0.0.1', '--port', String(port)] }),
      )
    await using child = await startBroker({})
    let mother = await start()
    await mother.rpc('mothers.add', { address: '127.0.0.1', port: root.port })
    await mother.rpc('limits.set', { subject: { scope: 'everybody' }, rule: { usd_total: '1' } })
    await wire(child, mother, '1')
    const isServing = async (): Promise<number> => (await child.post(CHAT, big)).status
    for (const _kill of [1, 2]) {
      const { port } = mother
      await callUntilRefused(child, (nth) => nth === 60 && mother.signal('SIGKILL'))
      await mother.ended
      mother = await start(port)
      await expect.poll(isServing, { timeout: 40_000, interval: 200 }).toBe(200)
    }
    await callUntilRefused(child, () => undefined)
    await useTheRest(child)
    // Killed requests count with their bounds until the root is asked, so that the sum is $1 all the time.
    const [standing] = (await mother.rpc('limits.standing')) as readonly Record<string, string>[]
    const [lease] = await listedAt(mother)
    expect(nano(standing?.['left_usd']) + nano(lease?.left_usd)).toBeLessThan(BIG_MOST_NANO * 2)
    expect(spentOf(root.rows())).toBeLessThanOrEqual(1e9)
    // What they did not cost is usable again.
    await expect
      .poll(() => spentOf(mother.rows()) - spentOf(root.rows()), { timeout: 40_000, interval: 200 })
      .toBe(0)
    await callUntilRefused(child, () => undefined)
    await useTheRest(child)
    const served = spentOf(root.rows())
    expect(served).toBeLessThanOrEqual(1e9)
    expect(served).toBeGreaterThan(1e9 - 2 * BIG_MOST_NANO)
    await expect.poll(() => child.openHolds(), { timeout: 20_000 }).toBe(0)
    await expect.poll(() => spentOf(child.rows()), { timeout: 40_000, interval: 200 }).toBe(served)
  },
)

test('a child that is killed finds its lease again, and its mother grants nothing twice', async () => {
  await using upstream = await scriptedUpstream([json(200, answer)])
  using folder = tempFolder()
  using childFolder = tempFolder()
  await using mother = await startMother(upstream, folder.path)
  let granted: string | undefined
  let id: string | undefined
  {
    await using child = await startBroker({ folder: childFolder.path })
    await wire(child, mother, '0.01')
    expect((await child.post(CHAT, chat)).status).toBe(200)
    ;({ id, granted_usd: granted } = await heldBy(child))
    child.signal('SIGKILL')
    await child.ended
  }
  await using child = await startBroker({ folder: childFolder.path })
  await expect.poll(async () => (await child.post(CHAT, chat)).status, { timeout: 10_000 }).toBe(200)
  const held = await heldBy(child)
  expect(held.id).toBe(id)
  // What the first request has cost is asked for again, and no more.
  expect(nano(held.granted_usd)).toBeLessThanOrEqual(nano(granted) + 3 * COST_NANO)
  expect(await listedAt(mother)).toMatchObject([{ id, left_usd: held.left_usd }])
})

test('a lease that was ended at the mother is replaced, without an error for the caller', async () => {
  await using upstream = await scriptedUpstream([json(200, answer)])
  using folder = tempFolder()
  await using mother = await startMother(upstream, folder.path)
  await using child = await startBroker({})
  await wire(child, mother, '0.01')
  expect((await child.post(CHAT, chat)).status).toBe(200)
  const { id } = await heldBy(child)
  expect(await mother.rpc('leases.end', { lease: id })).toEqual({ removed: true })
  expect((await child.post(CHAT, chat)).status).toBe(200)
  expect((await heldBy(child)).id).not.toBe(id)
})

test('a mother of an older version, which grants no leases, gets requests without one', async () => {
  const models = { data: [{ id: 'gpt-4o-mini', pricing: { prompt: '0.00000015', completion: '0.0000006' } }] }
  await using old = await scriptedUpstream(
    ({ path }) => {
      if (path.includes('/cascade/')) return [json(404, { error: { message: 'not found', code: 404 } })]
      return [
        json(
          200,
          path.includes('/models') ? models : { ...answer, usage: { ...answer.usage, cost: 0.0000615 } },
        ),
      ]
    },
    { over: 'tcp' },
  )
  await using child = await startBroker({})
  await child.rpc('mothers.add', { url: old.baseUrl, lease_usd: '1' })
  expect(await child.post(CHAT, chat)).toMatchObject({ status: 200 })
  const chats = old.requests.filter(({ path }) => path.endsWith('/chat/completions'))
  expect(chats).toHaveLength(1)
  expect(chats[0]?.headers).not.toHaveProperty('x-aibroker-lease')
  expect((await heldBy(child)).problem).toContain('grants no leases')
})
