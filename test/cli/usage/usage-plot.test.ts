import { assert, integer, property } from 'fast-check'
import { describe, expect, test } from 'vitest'

import { sliceTime } from '../../../src/cli/usage/usage-plot.ts'
import { methods } from '../../../src/wire/rpc/methods.ts'
import type { Params } from '../../../src/wire/rpc/methods.ts'
import { exampleHandlers } from '../../support/rpc-handlers.ts'
import { runInProcess } from '../../support/run-cli.ts'
import { says, startScriptedBroker } from '../../support/scripted-broker.ts'

const none = methods['usage.summary'].example.result.totals
const NONE_REFUSED = { over_budget: 0, over_limit: 0, unavailable: 0 }

describe('usage --plot', () => {
  test('draws a bar per day, with the longest for the most expensive', async () => {
    const costs = ['0', '1', '0.5', '0.001']
    const days: Params<'usage.summary'>[] = []
    const summary = async (params: Params<'usage.summary'>) => {
      const cost_usd = days.push(params) === 1 ? '1.501' : (costs[(days.length - 2) % 4] ?? '0')
      return {
        totals: { ...none, cost_usd, requests: cost_usd === '0' ? 0 : 2 },
        models: [],
        refused: NONE_REFUSED,
      }
    }
    const handlers = { ...exampleHandlers, 'usage.summary': summary }
    await using broker = await startScriptedBroker(says(), { handlers })
    const { out } = await runInProcess(['usage', '--plot', '--since', '4d', '--socket', broker.path])
    const bars = out.split('\n').filter((line) => /^\d{4}-/.test(line))
    expect(bars[1]).toMatch(/█{60} {2}\$1\.00, 2 requests$/)
    expect(bars[2]).toMatch(/ {2}█{30} {32}\$0\.50, 2 requests$/)
    expect(bars[3]).toMatch(/ {2}▏ +\$0\.001, 2 requests$/)
    expect(bars[0]).toMatch(/^\d{4}-\d\d-\d\d$/)
  })

  test('slices time without gap or overlap, into at most as many calls as a batch may hold', () => {
    const instant = integer({ min: 1_600_000_000, max: 1_900_000_000 })
    assert(
      property(instant, integer({ min: 1, max: 400 * 86_400 }), (since, length) => {
        const slices = sliceTime(since, since + length)
        expect(slices.length).toBeLessThanOrEqual(100)
        expect(slices.at(-1)?.until).toBe(since + length)
        for (const [at, slice] of slices.entries()) {
          expect(slice.since).toBeLessThan(slice.until)
          if (at > 0) expect(slice.since).toBe(slices[at - 1]?.until)
        }
        if (length <= 92 * 86_400) expect(slices[0]?.since).toBe(since)
      }),
    )
  })
})
