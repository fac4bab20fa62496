import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BrokerError } from '../../src/base/errors.ts'
import { fallback, type AttemptOutcome } from '../../src/fallback/fallback.ts'

const fails = (code: 'upstream-busy' | 'upstream-refused', begun = false): AttemptOutcome => ({
  type: 'failed',
  error: new BrokerError(code, code),
  begun,
})
const answers: AttemptOutcome = { type: 'answered' }

async function walk(outcomes: readonly AttemptOutcome[]): Promise<{ tried: number[]; last: AttemptOutcome }> {
  const tried: number[] = []
  const last = await fallback([...outcomes.keys()], async (index) => {
    tried.push(index)
    return outcomes[index] ?? answers
  })
  return { tried, last }
}

test('the next candidate is asked when one fails before it began', async () => {
  expect(await walk([fails('upstream-busy'), answers, answers])).toEqual({ tried: [0, 1], last: answers })
})

test('nobody else is asked once the caller has seen a part of the answer', async () => {
  expect((await walk([fails('upstream-busy', true), answers])).tried).toEqual([0])
})

test('a refusal that the next candidate would repeat ends the walk', async () => {
  const { tried, last } = await walk([fails('upstream-refused'), answers])
  expect(tried).toEqual([0])
  expect(last).toMatchObject({ type: 'failed', error: { code: 'upstream-refused' } })
})

test('a caller who left ends the walk', async () => {
  expect((await walk([{ type: 'left' }, answers])).tried).toEqual([0])
})

test('the order of candidates is the order of attempts, and the last failure is the one that is told', async () => {
  const outcome = fc.constantFrom(
    fails('upstream-busy'),
    fails('upstream-refused'),
    answers,
    fails('upstream-busy', true),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(outcome, { minLength: 1 }), async (outcomes) => {
      const { tried, last } = await walk(outcomes)
      expect(tried).toEqual([...tried.keys()])
      expect(last).toBe(outcomes[tried.length - 1])
    }),
  )
})
