import { z } from 'zod'
import { describe, expect, test } from 'vitest'

import { fieldError, findProblem } from '../../../src/wire/openai/field-error.ts'
import { limitRule, limitSubject } from '../../../src/wire/rpc/limit-rule.ts'
import { methods } from '../../../src/wire/rpc/methods.ts'

const form = z.strictObject({
  text: z.string().min(1).max(3),
  count: z.int().min(0).max(9),
  above: z.number().positive(),
  list: z.array(z.looseObject({ role: z.enum(['user', 'system']) })).min(1),
  pair: z.array(z.boolean()).min(2),
  kind: z.literal('plain'),
  map: z.record(z.string(), z.number()),
  either: z.union([z.string(), z.strictObject({ name: z.string() })]),
})

const GOOD = {
  text: 'one',
  count: 1,
  above: 1,
  list: [{ role: 'user' }],
  pair: [true, false],
  kind: 'plain',
  map: { a: 1 },
  either: 'one',
}

describe('the problem of an invalid field is described uniformly', () => {
  test.each([
    [{ text: undefined }, 'text', 'is missing'],
    [{ text: null }, 'text', 'should be a text, but is null'],
    [{ text: 7 }, 'text', 'should be a text, but is a number'],
    [{ text: '' }, 'text', 'should not be empty'],
    [{ text: 'four' }, 'text', 'should have at most 3 characters'],
    [{ count: 1.5 }, 'count', 'should be a whole number, but is a fraction'],
    [{ count: '1' }, 'count', 'should be a number, but is a text'],
    [{ count: -1 }, 'count', 'should be at least 0'],
    [{ count: 10 }, 'count', 'should be at most 9'],
    [{ above: 0 }, 'above', 'should be more than 0'],
    [{ list: [] }, 'list', 'should not be empty'],
    [{ list: { role: 'user' } }, 'list', 'should be a list, but is an object'],
    [{ list: [{ role: 'user' }, {}] }, 'list[1].role', 'is missing'],
    [{ list: [{ role: 'robot' }] }, 'list[0].role', 'should be one of user, system'],
    [{ pair: [true] }, 'pair', 'should have at least 2 entries'],
    [{ pair: [true, 'no'] }, 'pair[1]', 'should be true or false, but is a text'],
    [{ kind: 'odd' }, 'kind', 'should be plain'],
    [{ map: { a: [] } }, 'map.a', 'should be a number, but is a list'],
    [{ either: { name: true } }, 'either.name', 'should be a text, but is true'],
    [{ either: 7 }, 'either', 'has none of the forms that it may have'],
    [{ more: 1 }, 'more', 'is not known here'],
  ])('%j', (change, path, words) => {
    const value = { ...GOOD, ...change }
    expect(form.safeParse(value).success).toBe(false)
    expect(findProblem(form, value)).toEqual({ path, words })
  })

  test.each([
    [limitSubject, { scope: 'context' }, 'context', 'is missing'],
    [limitSubject, { scope: 'token', token: 7 }, 'token', 'should be a text, but is a number'],
    [limitRule, { usd_per_day: 5 }, 'usd_per_day', 'should be a text, but is a number'],
    [limitRule, { usd_per_day: 'five' }, 'usd_per_day', 'should be US dollars in a text, such as "2.50"'],
    [limitRule, { usd_per_day: '-5' }, 'usd_per_day', 'should not be negative'],
    [methods['tokens.create'].params, {}, 'label', 'is missing'],
  ])('in the contract: %#', (schema, value, path, words) => {
    expect(findProblem(schema, value)).toEqual({ path, words })
  })
})

test('the error of an invalid request names the field and its path', () => {
  expect(fieldError(form, { ...GOOD, text: 7 }, ['tools', 2])).toMatchObject({
    code: 'bad-request',
    message: 'the field “tools[2].text” should be a text, but is a number',
  })
  expect(fieldError(form, [])).toMatchObject({ message: 'the body should be an object, but is a list' })
})
