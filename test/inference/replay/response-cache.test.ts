import { expect, test } from 'vitest'
import { createResponseCache, type CachedResponse } from '../../../src/inference/replay/response-cache.ts'
import { manualClock } from '../../support/manual-clock.ts'

const response = (text: string, expiresAt = 1000): CachedResponse => ({
  id: 'gen-1',
  model: 'm',
  streamed: false,
  pieces: [text],
  storedAt: 0,
  expiresAt,
})

test('a cached response is found until it expires or is removed', () => {
  const clock = manualClock()
  const cache = createResponseCache(clock)
  cache.store('a', response('one'))
  cache.store('b', response('two'))
  cache.remove('b')
  clock.advance(999)
  expect([cache.find('a')?.pieces, cache.find('b')]).toEqual([['one'], undefined])
  clock.advance(1)
  expect(cache.find('a')).toBeUndefined()
})

test('the cache is bounded: the oldest responses are dropped, and one that is too long is not stored', () => {
  const cache = createResponseCache(manualClock())
  const mebibyte = 'x'.repeat(1024 * 1024)
  cache.store('long', response(`${mebibyte}x`))
  for (let nth = 0; nth < 70; nth++) cache.store(String(nth), response(mebibyte))
  expect(cache.find('long')).toBeUndefined()
  expect([5, 6, 69].map((nth) => cache.find(String(nth)) !== undefined)).toEqual([false, true, true])
  for (let again = 0; again < 100; again++) cache.store('69', response(mebibyte))
  expect(cache.find('6')).toBeDefined()
})
