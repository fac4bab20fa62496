import { describe, expect, test } from 'vitest'
import { BrokerError } from '../../src/base/errors.ts'
import { fallback, type AttemptOutcome, type Walk } from '../../src/fallback/fallback.ts'
import type { Rescue } from '../../src/fallback/stream-recovery.ts'
import type { Candidate } from '../../src/fallback/retry-policy.ts'
import type { Readiness } from '../../src/providers/keys/key-pool.ts'

const READY: Readiness = { state: 'ready', readyInMs: 0, reason: undefined }
const answers: AttemptOutcome = { type: 'answered' }
const fails = (message: string, begun = false, isUnasked = false): AttemptOutcome => ({
  type: 'failed',
  error: new BrokerError('upstream-failed', message, { details: { status: 502, isUnasked } }),
  begun,
})

const candidates: readonly Candidate[] = ['a', 'b', 'c'].map((id) => ({
  id,
  model: 'm',
  contextWindow: undefined,
}))

interface Told {
  readonly asked: string[]
  readonly last: AttemptOutcome<Candidate>
}

/** Lets attempts end as listed, in their order; `rescues` allows rescues that end as listed after them. */
async function walk(
  outcomes: readonly AttemptOutcome[],
  options: Partial<Walk<Candidate>> & { continues?: string } = {},
): Promise<Told> {
  const asked: string[] = []
  const end = (name: string): Promise<AttemptOutcome> =>
    Promise.resolve(outcomes[asked.push(name) - 1] ?? answers)
  const { continues, ...rest } = options
  const last = await fallback<Candidate>({
    candidates,
    attempt: ({ id }) => end(id),
    readiness: () => READY,
    wait: () => Promise.resolve(true),
    timeLeftMs: () => 1000,
    random: () => 0,
    rescue: {
      isPossible: () => continues !== undefined,
      continues: ({ id }) => id === continues,
      attempt: ({ candidate, way }: Rescue<Candidate>) => end(`${way} ${candidate.id}`),
    },
    ...rest,
  })
  return { asked, last }
}

test('the next candidate is asked when one fails before it began', async () => {
  expect(await walk([fails('x'), answers])).toEqual({ asked: ['a', 'b'], last: answers })
})

test('a caller who left ends the walk, also while it waits', async () => {
  expect((await walk([{ type: 'left' }])).asked).toEqual(['a'])
  const alone = { candidates: candidates.slice(0, 1), wait: () => Promise.resolve(false) }
  expect(await walk([fails('x')], alone)).toEqual({ asked: ['a'], last: { type: 'left' } })
})

test('the last failure that came from a provider is the one that is told', async () => {
  const rests = fails('rests', false, true)
  const { last } = await walk([fails('first'), fails('second'), rests, rests, rests, rests])
  expect(last).toMatchObject({ error: { message: 'second' } })
  expect((await walk([rests, rests, rests, rests, rests, rests])).last).toMatchObject({
    error: { message: 'rests' },
  })
})

describe('an answer that broke after its first word', () => {
  const broke = fails('cut', true)

  test('is nobody else’s when it can’t be rescued', async () => {
    expect(await walk([broke])).toEqual({ asked: ['a'], last: broke })
  })

  test('is continued by whoever can', async () => {
    expect(await walk([broke, answers], { continues: 'c' })).toEqual({
      asked: ['a', 'continue c'],
      last: answers,
    })
  })

  test('is asked anew of the same model, elsewhere first, when nobody continues it', async () => {
    const { asked, last } = await walk([broke, fails('other words', true), fails('cut', true)], {
      continues: 'b',
    })
    expect(asked).toEqual(['a', 'continue b', 'restart b', 'restart c'])
    expect(last).toEqual(answers)
  })

  test('is told as it broke when no rescue helps, after at most three of them', async () => {
    const { asked, last } = await walk([broke, broke, broke, broke, answers], { continues: 'nobody' })
    expect(asked).toEqual(['a', 'restart b', 'restart c', 'restart a'])
    expect(last).toBe(broke)
  })

  test('is not given to a model that is another one', async () => {
    const [first] = candidates
    const others = [first as Candidate, { id: 'x', model: 'other', contextWindow: undefined }]
    const { asked } = await walk([broke, broke], { continues: 'nobody', candidates: others })
    expect(asked).toEqual(['a', 'restart a'])
  })
})
