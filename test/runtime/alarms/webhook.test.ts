// Alarms that are sent to a webhook: a real HTTP server that refuses, accepts and checks signatures.
import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { Secret } from '../../../src/base/secret.ts'
import { createAlarmWebhook } from '../../../src/runtime/alarms/webhook.ts'
import { createWarnings } from '../../../src/runtime/alarms/warnings.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { json, scriptedUpstream, type ReceivedRequest } from '../../support/scripted-upstream.ts'

const SILENT = { debug() {}, info() {}, warn() {}, error() {} }
const SECRET = 'a secret of the webhook'

function isSigned({ headers, raw }: ReceivedRequest): boolean {
  const time = String(headers['x-aibroker-timestamp'])
  const mac = createHmac('sha256', SECRET).update(`${time}.${raw.toString()}`).digest('hex')
  return headers['x-aibroker-signature'] === `sha256=${mac}`
}

const alarmsOf = (requests: readonly ReceivedRequest[]) =>
  requests.map(({ body }) => body as { alarm: string; state: string })

test('an alarm is sent when it begins and when it ends, signed, and once however often it is raised', async () => {
  await using receiver = await scriptedUpstream([json(200, {})], { over: 'tcp' })
  const clock = manualClock()
  const target = { url: receiver.baseUrl, secret: new Secret(SECRET) }
  const webhook = createAlarmWebhook({ target, clock, log: SILENT, version: '1' })
  const warnings = createWarnings({ clock, log: SILENT, onChange: webhook.send })
  warnings.raise('disk', 'the disk is nearly full')
  warnings.raise('disk', 'the disk is nearly full')
  warnings.clear('disk')
  await receiver.received(1)
  expect(alarmsOf(receiver.requests)).toMatchObject([
    { service: 'hero_aibroker', alarm: 'disk', state: 'raised', message: 'the disk is nearly full' },
    { alarm: 'disk', state: 'cleared' },
  ])
  expect(receiver.requests.every(isSigned)).toBe(true)
  webhook.close()
})

test('an alarm that is refused is sent again later with the same id, before those after it', async () => {
  await using receiver = await scriptedUpstream((_request, nth) => [json(nth < 2 ? 503 : 200, {})], {
    over: 'tcp',
  })
  const clock = manualClock()
  const target = { url: receiver.baseUrl, secret: undefined }
  const webhook = createAlarmWebhook({ target, clock, log: SILENT, version: '1' })
  webhook.send({ alarm: 'one', state: 'raised', message: 'first' })
  webhook.send({ alarm: 'two', state: 'raised', message: 'second' })
  for (const nth of [0, 1]) {
    await receiver.received(nth)
    await expect.poll(() => clock.waiting).toBe(1)
    clock.advance(300_000)
  }
  await receiver.received(3)
  expect(alarmsOf(receiver.requests).map(({ alarm }) => alarm)).toEqual(['one', 'one', 'one', 'two'])
  const ids = receiver.requests.map(({ headers }) => headers['x-aibroker-delivery'])
  expect(new Set(ids.slice(0, 3)).size).toBe(1)
  expect(ids[3]).not.toBe(ids[0])
  expect(receiver.requests[0]?.headers).not.toHaveProperty('x-aibroker-signature')
  webhook.close()
})
