import { describe, expect, test } from 'vitest'
import { BrokerError } from '../../../src/base/errors.ts'
import { Secret } from '../../../src/base/secret.ts'
import { createDispatcher, type Dispatcher } from '../../../src/providers/dispatch/dispatcher.ts'
import type { Permit } from '../../../src/providers/dispatch/permit.ts'
import { createHealthRegistry, type HealthRegistry } from '../../../src/providers/health/endpoint-health.ts'
import type { ProviderRequest } from '../../../src/providers/provider.ts'
import { jsonBodyOf } from '../../../src/wire/json/json-body.ts'
import { manualClock } from '../../support/manual-clock.ts'

const request: ProviderRequest = {
  route: 'chat',
  body: jsonBodyOf('{"messages":[]}'),
  modelId: 'm',
  stream: false,
  referer: undefined,
  title: undefined,
}
const broken = new BrokerError('upstream-failed', 'broken', { details: { status: 503 } })
const limited = new BrokerError('upstream-busy', 'slow down', { details: { status: 429, retryAfter: 7 } })

function setUp({ isMock = false } = {}): { dispatcher: Dispatcher; health: HealthRegistry } {
  const clock = manualClock()
  const health = createHealthRegistry({ clock, random: () => 0 })
  const definition = {
    id: 'acme',
    displayName: 'Acme',
    baseUrl: 'http://acme/v1',
    needsKey: true,
    abortStopsBilling: true,
    isMock,
  }
  const keys = [{ key: new Secret('sk-1') }]
  return { dispatcher: createDispatcher({ definition, keys, clock, health, random: () => 0 }), health }
}

function acquire(dispatcher: Dispatcher): Permit {
  const permit = dispatcher.acquire(request)
  if (permit instanceof BrokerError) throw permit
  return permit
}

describe('a permit', () => {
  test('records its first outcome only, and keeps its key in use until it is released', () => {
    const { dispatcher, health } = setUp()
    const permit = acquire(dispatcher)
    permit.recordSuccess(2)
    permit.recordFailure(broken)
    const [before] = dispatcher.keys()
    permit.release()
    permit.release()
    const [after] = dispatcher.keys()
    expect([before?.inFlight, after?.inFlight]).toEqual([1, 0])
    expect([after?.requests, after?.successes, after?.failures]).toEqual([1, 1, 0])
    expect(health.row('acme/m')?.malformedEvents).toBe(2)
  })

  test('counts for neither key nor circuit when it is released without an outcome', () => {
    const { dispatcher, health } = setUp()
    for (let nth = 0; nth < 20; nth++) acquire(dispatcher).release()
    const [key] = dispatcher.keys()
    expect([key?.successes, key?.failures, key?.state]).toEqual([0, 0, 'ready'])
    expect(health.row('acme/m')?.state).toBe('closed')
  })

  test('ignores the failures of a mock provider', () => {
    const { dispatcher, health } = setUp({ isMock: true })
    for (let nth = 0; nth < 20; nth++) {
      const permit = acquire(dispatcher)
      permit.recordFailure(broken)
      permit.release()
    }
    expect(dispatcher.keys()[0]?.failures).toBe(0)
    expect(health.row('acme/m')?.state).toBe('closed')
  })
})

describe('a dispatcher', () => {
  test('returns the reason and the time to wait when its only key is limited', () => {
    const { dispatcher, health } = setUp()
    const permit = acquire(dispatcher)
    permit.recordFailure(limited)
    permit.release()
    expect(dispatcher.acquire(request)).toMatchObject({
      code: 'upstream-busy',
      message: 'Acme has reached its rate limit; the request was not sent, retry in 7 s',
      details: { retryAfter: 7 },
    })
    expect(health.row('acme/m')?.state).toBe('closed')
  })

  test('returns the reason when the circuit of the endpoint is open', () => {
    const { dispatcher } = setUp()
    for (let nth = 0; nth < 3; nth++) {
      const permit = acquire(dispatcher)
      permit.recordFailure(broken)
      permit.release()
    }
    expect(dispatcher.acquire(request)).toMatchObject({
      code: 'upstream-resting',
      details: { retryAfter: 1 },
    })
  })
})
