import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { money } from '../../../src/base/money.ts'
import type { Endpoint } from '../../../src/catalog/catalog.ts'
import { envelopeOf, usualEnvelope } from '../../../src/inference/execution/attempt-response.ts'
import { RequestRecord } from '../../../src/inference/execution/request-record.ts'

const text = fc.string({ unit: 'binary' })
const cost = fc.option(fc.bigInt({ min: 0n, max: 10n ** 20n }).map(money), { nil: undefined })

test('x_aibroker written as text equals x_aibroker as an object, whatever names are in it', () => {
  const clock = { ...systemClock, monotonic: () => 3.4 }
  fc.assert(
    fc.property(text, text, text, cost, (provider, id, model, cost) => {
      const endpoint = { id, model } as Endpoint
      const record = new RequestRecord(clock, '')
      const parsed: unknown = JSON.parse(usualEnvelope(record, provider, endpoint, cost))
      expect(parsed).toEqual(envelopeOf(record, provider, endpoint, cost))
    }),
  )
})
