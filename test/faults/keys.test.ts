import { request } from 'node:http'
import { expect, test } from 'vitest'
import type { Result } from '../../src/wire/rpc/methods.ts'
import { stall } from '../support/scripted-upstream.ts'
import { startBrokerWithProviders, type BrokerWithProviders } from './broker-with-providers.ts'
import { answers, expectWhole, refuses, says } from './scripts.ts'

function info({ daemon }: BrokerWithProviders): Promise<Result<'info'>> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'info', params: {} })
  const headers = { 'content-type': 'application/json' }
  const options = { socketPath: daemon.sockets.rpc, path: '/rpc', method: 'POST', headers }
  return new Promise((resolve, reject) => {
    const outgoing = request(options, (response) => {
      response
        .toArray()
        .then((parts) => resolve((JSON.parse(parts.join('')) as { result: Result<'info'> }).result), reject)
    })
    outgoing.on('error', reject).end(body)
  })
}

const keysSeen = (broker: BrokerWithProviders): (string | undefined)[] =>
  (broker.upstreams[0]?.requests ?? []).map(({ headers }) => headers.authorization)

test('the models file sets weight, priority and rate of each key', async () => {
  const row = 'keys: [{ env: A, priority: 2 }, { env: B, priority: 1, requests_per_minute: 2 }]'
  await using broker = await startBrokerWithProviders([{ script: answers('x'), row }], {
    env: { A: 'sk-a', B: 'sk-b' },
  })
  for (let nth = 0; nth < 4; nth++) expectWhole(await broker.sendChat(), 'x')
  broker.skip(61_000)
  expectWhole(await broker.sendChat(), 'x')
  expect(keysSeen(broker)).toEqual(['b', 'b', 'a', 'a', 'b'].map((key) => `Bearer sk-${key}`))
})

test('a conversation stays on one key, so that the provider’s cache serves it', async () => {
  await using broker = await startBrokerWithProviders([
    { script: answers('x'), keys: ['sk-1', 'sk-2', 'sk-3'] },
  ])
  for (let nth = 0; nth < 4; nth++) expectWhole(await broker.sendChat({ prompt_cache_key: 'talk-7' }), 'x')
  expect(new Set(keysSeen(broker)).size).toBe(1)
})

test('a provider’s own timeouts override the defaults', async () => {
  const row = 'timeouts: { first_token_ms: 50 }'
  await using broker = await startBrokerWithProviders([{ script: [stall], row }, { script: says('x') }])
  expectWhole(await broker.sendChat({ stream: true }), 'x')
  expect(await broker.entry()).toMatchObject({ attempts: [{ code: 'upstream-timeout' }] })
})

test.each([
  [401, 'key 1 of up0 is refused by it'],
  [402, 'key 1 of up0 has no credit left there'],
])('a key that gets %i is reported by info until it works again', async (status, warning) => {
  let isGood = false
  await using broker = await startBrokerWithProviders([
    { script: () => (isGood ? answers('x') : refuses(status)) },
  ])
  await broker.sendChat()
  await broker.sendChat()
  expect(broker.seen()).toEqual([1])
  const before = await info(broker)
  expect(before.warnings).toEqual([
    expect.stringMatching(new RegExp(`^${warning}; it is tried again in [56] min$`)),
  ])
  expect(before.providers.find(({ name }) => name === 'up0')?.state).toBe('failing')
  isGood = true
  broker.skip(340_000)
  expectWhole(await broker.sendChat(), 'x')
  const after = await info(broker)
  expect(after.warnings).toEqual([])
  expect(after.providers.find(({ name }) => name === 'up0')?.state).toBe('ready')
})
