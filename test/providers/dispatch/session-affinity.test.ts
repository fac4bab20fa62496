import { expect, test } from 'vitest'
import { stickinessOf } from '../../../src/providers/dispatch/session-affinity.ts'
import { jsonBodyOf } from '../../../src/wire/json/json-body.ts'

const stickiness = (body: object, headers: Record<string, string> = {}) =>
  stickinessOf({ body: jsonBodyOf(JSON.stringify(body)), headers })
const messages = [{ role: 'user', content: 'hi' }]
const long = [{ role: 'user', content: 'x'.repeat(5000) }]

test('a session is the same by body or header, and the body’s word counts', () => {
  const named = stickiness({ messages, session_id: 'one' })
  expect(named).toBeTypeOf('number')
  expect(stickiness({ messages }, { 'x-session-id': 'one' })).toBe(named)
  expect(stickiness({ messages, session_id: 'one' }, { 'x-session-id': 'two' })).toBe(named)
  expect(stickiness({ messages }, { 'x-session-id': 'two' })).not.toBe(named)
})

test('a session goes before the key of a cache, and both before the beginning of the prompt', () => {
  const session = stickiness({ messages: long, session_id: 'one' })
  expect(stickiness({ messages: long, prompt_cache_key: 'k' }, { 'x-session-id': 'one' })).toBe(session)
  expect(stickiness({ messages: long, prompt_cache_key: 'k' })).toBe(
    stickiness({ messages, prompt_cache_key: 'k' }),
  )
})

test('without a name, long beginnings count and short ones don’t', () => {
  expect(stickiness({ messages })).toBeUndefined()
  const again = [...long, { role: 'assistant', content: 'yes' }, ...messages]
  expect(stickiness({ messages: long })).toBe(stickiness({ messages: again }))
})
