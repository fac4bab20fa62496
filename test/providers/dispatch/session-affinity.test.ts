import { expect, test } from 'vitest'
import { affinityOf } from '../../../src/providers/dispatch/session-affinity.ts'
import { jsonBodyOf } from '../../../src/wire/json/json-body.ts'

const affinity = (body: object, headers: Record<string, string> = {}) =>
  affinityOf({ body: jsonBodyOf(JSON.stringify(body)), headers })
const messages = [{ role: 'user', content: 'hi' }]
const long = [{ role: 'user', content: 'x'.repeat(5000) }]

test('a session id in the body or in a header gives the same affinity, and the body’s takes precedence', () => {
  const named = affinity({ messages, session_id: 'one' })
  expect(named).toBeTypeOf('number')
  expect(affinity({ messages }, { 'x-session-id': 'one' })).toBe(named)
  expect(affinity({ messages, session_id: 'one' }, { 'x-session-id': 'two' })).toBe(named)
  expect(affinity({ messages }, { 'x-session-id': 'two' })).not.toBe(named)
})

test('a session id takes precedence over a prompt cache key, and both over the beginning of the prompt', () => {
  const session = affinity({ messages: long, session_id: 'one' })
  expect(affinity({ messages: long, prompt_cache_key: 'k' }, { 'x-session-id': 'one' })).toBe(session)
  expect(affinity({ messages: long, prompt_cache_key: 'k' })).toBe(
    affinity({ messages, prompt_cache_key: 'k' }),
  )
})

test('without an id only the beginning of a long prompt gives an affinity', () => {
  expect(affinity({ messages })).toBeUndefined()
  const again = [...long, { role: 'assistant', content: 'yes' }, ...messages]
  expect(affinity({ messages: long })).toBe(affinity({ messages: again }))
})
