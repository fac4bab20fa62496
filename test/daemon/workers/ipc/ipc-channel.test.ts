import { duplexPair } from 'node:stream'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { batchReader, framed, openIpcChannel } from '../../../../src/daemon/workers/ipc/ipc-channel.ts'

test('batches are restored wherever their bytes are split', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 30 }),
      (batches, cuts) => {
        const received: Buffer[] = []
        const read = batchReader((bytes) => received.push(Buffer.from(bytes)))
        let rest = Buffer.concat(batches.map((bytes) => framed(Buffer.from(bytes))))
        for (let nth = 0; rest.length > 0; nth++) {
          const size = cuts[nth % cuts.length] ?? 1
          read(rest.subarray(0, size))
          rest = rest.subarray(size)
        }
        expect(received).toEqual(batches.map((bytes) => Buffer.from(bytes)))
      },
    ),
  )
})

test('messages arrive in order, with bigint and maps intact', async () => {
  const [here, there] = duplexPair()
  const received: unknown[] = []
  const all = Promise.withResolvers<void>()
  const messages = [1n, new Map([['a', 2n]]), { nested: { left: undefined } }, 'last']
  openIpcChannel<unknown, unknown>(there, {
    onMessage: (message) => {
      if (received.push(message) === messages.length) all.resolve()
    },
    onClose: () => undefined,
  })
  const channel = openIpcChannel<unknown, unknown>(here, {
    onMessage: () => undefined,
    onClose: () => undefined,
  })
  for (const message of messages) channel.send(message)
  await channel.flush()
  await all.promise
  expect(received).toEqual(messages)
})

test('a message sent right before closing is received', async () => {
  const [here, there] = duplexPair()
  const received: unknown[] = []
  const closed = new Promise<void>((resolve) => {
    openIpcChannel<unknown, unknown>(there, {
      onMessage: (message) => received.push(message),
      onClose: resolve,
    })
  })
  const channel = openIpcChannel<unknown, unknown>(here, {
    onMessage: () => undefined,
    onClose: () => undefined,
  })
  channel.send('last words')
  await channel.flush()
  here.end()
  there.end()
  await closed
  expect(received).toEqual(['last words'])
})
