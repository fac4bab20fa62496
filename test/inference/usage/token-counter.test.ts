import { readdirSync, readFileSync } from 'node:fs'
import { countTokens as older } from 'gpt-tokenizer/encoding/cl100k_base'
import { countTokens as newer } from 'gpt-tokenizer/encoding/o200k_base'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createTokenCounter, type TokenCounter } from '../../../src/inference/usage/token-counter.ts'
import { manualClock, type ManualClock } from '../../support/manual-clock.ts'

let clock: ManualClock
let counter: TokenCounter
beforeEach(() => {
  clock = manualClock()
  counter = createTokenCounter(clock)
})
afterEach(() => counter.close())

const TEXTS = ['Hello, world!', '', 'naïve 模型 🎈', 'x'.repeat(2_000)]

/** The pids of this process's token counters. */
function counting(): number[] {
  const threads = `/proc/${process.pid}/task`
  const children = readdirSync(threads).flatMap((thread) =>
    readFileSync(`${threads}/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
  return children.filter((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('token-counter-process'),
  )
}

test('texts are counted as the model’s own tokenizer does', async () => {
  expect(await counter.count('gpt-4', TEXTS)).toEqual(TEXTS.map((text) => older(text)))
  expect(await counter.count('gpt-4o', TEXTS)).toEqual(TEXTS.map((text) => newer(text)))
})

test('one process counts for all, has no key in its environment, and ends after 20 seconds without a count', async () => {
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

test('when the counting process dies, its count ends, and the next one gets another process', async () => {
  await counter.count('gpt-4o', ['warm'])
  const [pid] = counting()
  if (pid === undefined) throw new Error('there is no counting process')
  process.kill(pid, 'SIGSTOP')
  const lost = counter.count('gpt-4o', ['lost'])
  process.kill(pid, 'SIGKILL')
  expect(await lost).toBeUndefined()
  expect(await counter.count('gpt-4o', ['Hello, world!'])).toEqual([newer('Hello, world!')])
})

test('a token count that takes too long is given up', async () => {
  const slow = counter.count('gpt-4o', ['never mind'])
  clock.advance(5_000)
  expect(await slow).toBeUndefined()
})

test('a count that waits behind one that hangs is done by another process', async () => {
  await counter.count('gpt-4o', ['warm'])
  const [pid] = counting()
  if (pid === undefined) throw new Error('there is no counting process')
  process.kill(pid, 'SIGSTOP')
  const stuck = counter.count('gpt-4o', ['stuck'])
  clock.advance(4_999)
  const behind = counter.count('gpt-4o', ['Hello, world!'])
  clock.advance(1)
  expect(await stuck).toBeUndefined()
  expect(await behind).toEqual([newer('Hello, world!')])
  await expect.poll(counting).not.toContain(pid)
  expect(counting()).toHaveLength(1)
})

const UNBROKEN = ['a', ' ', '-', '漢', '!…']

test.each(UNBROKEN)('an endless run of “%s” is not counted, and the count after it is', async (piece) => {
  const long = piece.repeat(300_000)
  const [never, short] = await Promise.all([
    counter.count('gpt-4o', ['an answer', long]),
    counter.count('gpt-4o', ['Hello, world!']),
  ])
  expect(never).toBeUndefined()
  expect(short).toEqual([newer('Hello, world!')])
})

test('a long text of short words is counted, a text of some megabytes is not', async () => {
  const words = 'some words '.repeat(50_000)
  expect(await counter.count('gpt-4o', [words])).toEqual([newer(words)])
  expect(await counter.count('gpt-4o', [words, words])).toBeUndefined()
})

test('an endless run of digits is counted, because it is no long word', async () => {
  const digits = '31415926535'.repeat(50_000)
  expect(await counter.count('gpt-4o', [digits])).toEqual([newer(digits)])
})

test('only so many characters may wait to be counted; further counts are refused at once', async () => {
  const text = 'some words '.repeat(36_000)
  const counts = Array.from({ length: 100 }, () => counter.count('gpt-4o', [text]))
  const soon = await Promise.race([counts[99], new Promise((resolve) => setImmediate(resolve, 'waits'))])
  expect(soon).toBeUndefined()
  const counted = (await Promise.all(counts)).filter((each) => each !== undefined)
  // One text is being counted, ten wait.
  expect(counted).toHaveLength(11)
})

test('no more than a thousand counts may wait, however short they are', async () => {
  const counts = await Promise.all(Array.from({ length: 3_000 }, () => counter.count('gpt-4o', ['hi'])))
  expect(counts.filter((each) => each !== undefined)).toHaveLength(1_001)
})
