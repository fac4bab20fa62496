import { expect, test } from 'vitest'
import { createEndpointStats } from '../../src/telemetry/endpoint-stats.ts'
import { openaiAt } from '../support/providers-env.ts'
import { inTurn, scriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { startBrokerWithProviders } from './broker-with-providers.ts'
import { answers, expectWhole, refuses, says } from './scripts.ts'

test('endpoint statistics are restored from the ledger after a restart', async () => {
  await using broker = await startBrokerWithProviders([{ script: refuses(503) }, { script: answers('x') }])
  for (let nth = 0; nth < 3; nth++) expectWhole(await broker.sendChat(), 'x')
  await broker.entry()
  const { ledger, endpointStats, clock } = broker.daemon.services
  const restored = createEndpointStats(clock)
  restored.load(ledger.entries({ limit: 100 }))
  const [now, before] = [restored.of('up1/m1'), endpointStats.of('up1/m1')]
  // The ledger stores whole milliseconds.
  expect(Math.abs((now?.latency?.p50 ?? 0) - (before?.latency?.p50 ?? 9999))).toBeLessThanOrEqual(0.5)
  expect(now?.throughput?.p50).toBeGreaterThan(0)
  expect([restored.uptime('up0/m0', 60_000), restored.uptime('up1/m1', 60_000)]).toEqual([0, 100])
})

test('providers.health reports endpoints and keys, and its statistics survive a restart', async () => {
  using folder = tempFolder()
  await using upstream = await scriptedUpstream(inTurn(says('x'), answers('x'), refuses(429)))
  const options = { folder: folder.path, env: openaiAt(upstream) }
  const chatBody = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] }
  const health = async (broker: Broker): Promise<unknown> =>
    broker.rpc('providers.health', { provider: 'openai' })
  await using first = await startBroker(options)
  expect(await health(first)).toMatchObject({ endpoints: [], keys: [{ key: 1, state: 'ready', running: 0 }] })
  await first.post('/v1/chat/completions', { ...chatBody, stream: true })
  await first.post('/v1/chat/completions', chatBody)
  await expect.poll(() => first.openHolds()).toBe(0)
  const known = {
    endpoint: 'openai/gpt-4o-mini',
    circuit: 'closed',
    success_percent: 100,
    latency_ms: { p50: expect.any(Number) as number, p99: expect.any(Number) as number },
    tokens_per_second: { p50: expect.any(Number) as number },
  }
  expect(await health(first)).toMatchObject({ endpoints: [known] })
  first.signal('SIGTERM')
  await first.ended
  await using second = await startBroker(options)
  expect(await health(second)).toMatchObject({ endpoints: [known] })
  await second.post('/v1/chat/completions', chatBody)
  expect(await health(second)).toMatchObject({ keys: [{ provider: 'openai', key: 1, state: 'limited' }] })
})
