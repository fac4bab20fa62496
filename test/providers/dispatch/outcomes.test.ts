import { expect, test } from 'vitest'
import { BrokerError, type ErrorCode } from '../../../src/base/errors.ts'
import { outcomeOf, OUTCOMES, type Outcome } from '../../../src/providers/dispatch/outcomes.ts'

test.each<[ErrorCode, number | undefined, Outcome]>([
  ['upstream-denied', 401, 'key-refused'],
  ['upstream-denied', 402, 'no-credit'],
  ['upstream-denied', 403, 'forbidden'],
  ['upstream-busy', 429, 'rate-limited'],
  ['upstream-busy', 498, 'failed'],
  ['upstream-busy', 529, 'failed'],
  ['upstream-failed', 500, 'failed'],
  ['upstream-failed', undefined, 'failed'],
  ['upstream-timeout', undefined, 'failed'],
  ['upstream-timeout', 504, 'failed'],
  ['upstream-failed', 404, 'unusable-response'],
  ['upstream-timeout', 408, 'unusable-response'],
  ['upstream-failed', 200, 'unusable-response'],
  ['upstream-refused', 400, 'request-refused'],
  ['context-too-long', 400, 'request-refused'],
  ['content-refused', 400, 'request-refused'],
  ['overloaded', undefined, 'request-refused'],
])('%s with status %s is the outcome %s', (code, status, outcome) => {
  expect(outcomeOf(new BrokerError(code, code, { details: { status } }))).toBe(outcome)
})

test('a limited or refused key never counts against the circuit of the endpoint', () => {
  const ofKeys = Object.values(OUTCOMES).filter(
    ({ cooldown }) => cooldown !== undefined && cooldown !== 'failing',
  )
  expect(ofKeys.map(({ circuit }) => circuit)).toEqual(ofKeys.map(() => 'ignored'))
})
