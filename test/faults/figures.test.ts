import { expect, test } from 'vitest'
import { createEndpointFigures } from '../../src/broker/endpoint-figures.ts'
import { brokerBefore } from './broker-before.ts'
import { answers, expectWhole, refuses } from './scripts.ts'

test('how endpoints did is known again after a restart, from the books', async () => {
  await using broker = await brokerBefore([{ script: refuses(503) }, { script: answers('x') }])
  for (let nth = 0; nth < 3; nth++) expectWhole(await broker.ask(), 'x')
  await broker.entry()
  const { ledger, figures, clock } = broker.daemon.rooms
  const recalled = createEndpointFigures(clock)
  recalled.recall(ledger.entries({ limit: 100 }))
  const [now, before] = [recalled.of('up1/m1'), figures.of('up1/m1')]
  // The books hold whole milliseconds.
  expect(Math.abs((now?.latency?.p50 ?? 0) - (before?.latency?.p50 ?? 9999))).toBeLessThanOrEqual(0.5)
  expect(now?.throughput?.p50).toBeGreaterThan(0)
  expect([recalled.uptime('up0/m0', 60_000), recalled.uptime('up1/m1', 60_000)]).toEqual([0, 100])
})
