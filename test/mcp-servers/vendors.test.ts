import { describe, expect, test } from 'vitest'
import type { VendorSpec } from './replica.ts'
import { fastForwardClock, startReplica } from './replica.ts'
import { exaSpec } from './replicas/exa.ts'
import { scraperapiSpec } from './replicas/scraperapi.ts'
import { scrapflySpec } from './replicas/scrapfly.ts'
import { serpapiSpec } from './replicas/serpapi.ts'
import { serperSpec } from './replicas/serper.ts'
import { openInProcess } from './support.ts'
import type { Called, Era } from './support.ts'

const specs = [serperSpec, serpapiSpec, exaSpec, scraperapiSpec, scrapflySpec]

const KEY = 'k-3f9a/secret+one'
const OTHER_KEY = 'k-77b2/secret+two'

/** A server connected to its replica. The client checks every result against the listed output schema. */
async function openWithReplica(
  spec: VendorSpec,
  { keys = KEY, era = 'auto' }: { keys?: string; era?: Era } = {},
) {
  const replica = await startReplica(spec)
  const clock = fastForwardClock()
  const env = { ...replica.env, ...(keys === '' ? {} : { [spec.keysVariable]: keys }) }
  const connected = await openInProcess(spec.server, env, { clock, era })
  await connected.client.listTools()
  return {
    replica,
    connected,
    clock,
    call: () => connected.tool(spec.good.tool, spec.good.args),
    async [Symbol.asyncDispose]() {
      await connected[Symbol.asyncDispose]()
      await replica[Symbol.asyncDispose]()
    },
  }
}

const errorOf = (called: Called) => (called.data['error'] ?? {}) as Record<string, unknown>

describe.each(specs.map((spec) => [spec.server.name, spec] as const))('%s', (_name, spec) => {
  test('sends the key in its place and returns data, readable text and the cost', async () => {
    await using at = await openWithReplica(spec)
    const called = await at.call()
    expect(called.text).not.toBe('')
    expect(called).toMatchObject({ isError: false })
    expect(called.data['usage']).toMatchObject({ requests: 1 })
    expect(called.text).toMatch(/Cost: /)
    expect(at.replica.seen.map(({ key }) => key)).toEqual([KEY])
  })

  test('names the missing variable and sends nothing without a key', async () => {
    await using at = await openWithReplica(spec, { keys: '' })
    const called = await at.call()
    expect(errorOf(called)).toMatchObject({ kind: 'auth', retryable: false })
    expect(called.text).toContain(spec.keysVariable)
    expect(at.replica.seen).toEqual([])
  })

  test.each(spec.errors.map((row) => [row.title, row] as const))('classifies %s', async (_title, row) => {
    await using at = await openWithReplica(spec)
    at.replica.replies = [row.reply]
    const called = await at.call()
    expect(called.isError).toBe(true)
    expect(errorOf(called)).toMatchObject({ kind: row.kind, provider: spec.server.name.replace('mcp_', '') })
    expect(called.text).toMatch(/What to do: \w+/)
    expect(at.replica.seen).toHaveLength(row.requests)
    expect(JSON.stringify(called)).not.toContain(KEY)
  })

  test('retries after a server error of the vendor', async () => {
    await using at = await openWithReplica(spec)
    at.replica.replies = [{ status: 500, body: {} }, spec.good.reply]
    const called = await at.call()
    expect(called).toMatchObject({ isError: false })
    expect(called.data['usage']).toMatchObject({ requests: 2 })
    expect(at.clock.waits).toEqual([500])
  })

  test.each(['auth', 'quota', 'rate_limit'])(
    'switches to the next key on %s and stays with it',
    async (kind) => {
      const row = spec.errors.find((candidate) => candidate.kind === kind)
      if (row === undefined) throw new Error(`no ${kind} row`)
      await using at = await openWithReplica(spec, { keys: `${KEY},${OTHER_KEY}` })
      at.replica.replies = [row.reply, spec.good.reply]
      expect((await at.call()).isError).toBe(false)
      expect((await at.call()).isError).toBe(false)
      expect(at.replica.seen.map(({ key }) => key)).toEqual([KEY, OTHER_KEY, OTHER_KEY])
      expect(at.clock.waits).toEqual([])
    },
  )

  test('fails at once with a retry time when every key is exhausted', async () => {
    const row = spec.errors.find(({ kind }) => kind === 'quota')
    await using at = await openWithReplica(spec, { keys: `${KEY},${OTHER_KEY}` })
    at.replica.replies = [row?.reply ?? {}]
    await at.call()
    const called = await at.call()
    expect(errorOf(called)).toMatchObject({ kind: 'quota', retryAfterSeconds: expect.any(Number) })
    expect(at.replica.seen).toHaveLength(2)
  })

  test('redacts a key that the vendor echoes, raw or encoded', async () => {
    await using at = await openWithReplica(spec)
    const echo = `${KEY} ${encodeURIComponent(KEY)} https://v.example/?api_key=${encodeURIComponent(KEY)}`
    at.replica.replies = [{ status: 400, body: { message: echo, error: echo } }, withEcho(spec, echo)]
    for (const called of [await at.call(), await at.call()]) {
      const shown = JSON.stringify(called)
      expect(shown).toContain('***')
      expect(shown).not.toContain('secret+one')
      expect(shown).not.toContain('secret%2Bone')
    }
  })

  test('ends a call within 100 ms of its cancellation', async () => {
    await using at = await openWithReplica(spec)
    at.replica.replies = [{ stall: true }]
    const abort = new AbortController()
    const call = at.connected.client.callTool(
      { name: spec.good.tool, arguments: spec.good.args },
      { signal: abort.signal },
    )
    while (at.replica.seen.length === 0) await new Promise((resolve) => setImmediate(resolve))
    const started = performance.now()
    abort.abort()
    await expect(call).rejects.toThrow(/abort/i)
    expect(performance.now() - started).toBeLessThan(100)
  })

  test('returns errors to legacy clients as text, because they validate errors against the output schema', async () => {
    await using at = await openWithReplica(spec, { keys: '', era: 'legacy' })
    const called = await at.call()
    expect(called.data).toEqual({})
    expect(JSON.parse(String(called.blocks[1]?.['text']))).toMatchObject({ error: { kind: 'auth' } })
  })

  test('rejects a vendor address that is neither https nor loopback', () => {
    const [variable = ''] = spec.urlVariables
    const env = { [variable]: 'http://vendor.example' }
    expect(() => spec.server.open({ env, clock: fastForwardClock(), random: () => 0 })).toThrow(variable)
  })
})

/** The vendor's successful response with the key in its text. */
function withEcho(spec: VendorSpec, echo: string) {
  const { body, ...rest } = spec.good.reply
  if (typeof body === 'string') return { ...rest, body: `${body} ${echo}` }
  const text = JSON.stringify(body)
    .replace('All about tides', `All about ${echo}`)
    .replace('Tides give power.', echo)
  return { ...rest, body: JSON.parse(text) as unknown }
}
