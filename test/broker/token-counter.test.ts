import { readdirSync, readFileSync } from 'node:fs'
import { countTokens as older } from 'gpt-tokenizer/encoding/cl100k_base'
import { countTokens as newer } from 'gpt-tokenizer/encoding/o200k_base'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createTokenCounter, type TokenCounter } from '../../src/broker/token-counter.ts'
import { manualClock, type ManualClock } from '../support/manual-clock.ts'

let clock: ManualClock
let counter: TokenCounter
beforeEach(() => {
  clock = manualClock()
  counter = createTokenCounter(clock)
})
afterEach(() => counter.close())

const TEXTS = ['Hello, world!', '', 'naïve 模型 🎈', 'x'.repeat(2_000)]

/** Processes of ours that count. */
function counting(): number[] {
  const threads = `/proc/${process.pid}/task`
  const children = readdirSync(threads).flatMap((thread) =>
    readFileSync(`${threads}/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
  return children.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('token-process'))
}

test('texts are counted as the model’s own tokenizer does', async () => {
  expect(await counter.count('gpt-4', TEXTS)).toEqual(TEXTS.map((text) => older(text)))
  expect(await counter.count('gpt-4o', TEXTS)).toEqual(TEXTS.map((text) => newer(text)))
})

test('one process counts for all, sees no key, and goes when nobody needed it for 20 seconds', async () => {
  expect(counting()).toEqual([])
  await Promise.all(['a', 'b', 'c'].map((text) => counter.count('gpt-4o', [text])))
  const [pid, ...others] = counting()
  expect(others).toEqual([])
  expect(readFileSync(`/proc/${pid}/environ`, 'utf8').replace(/NODE_CHANNEL\w*=\w+\0/g, '')).toBe('')
  clock.advance(19_999)
  await counter.count('gpt-4o', ['d'])
  clock.advance(19_999)
  expect(counting()).toEqual([pid])
  clock.advance(1)
  await expect.poll(counting).toEqual([])
})

test('when it dies nobody waits in vain, and the next count has another one', async () => {
  await counter.count('gpt-4o', ['warm'])
  const [pid] = counting()
  if (pid === undefined) throw new Error('nobody counts')
  process.kill(pid, 'SIGSTOP')
  const lost = counter.count('gpt-4o', ['lost'])
  process.kill(pid, 'SIGKILL')
  expect(await lost).toBeUndefined()
  expect(await counter.count('gpt-4o', ['Hello, world!'])).toEqual([newer('Hello, world!')])
})

test('a count that takes too long is given up', async () => {
  const slow = counter.count('gpt-4o', ['never mind'])
  clock.advance(5_000)
  expect(await slow).toBeUndefined()
})
