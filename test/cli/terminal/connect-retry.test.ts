// A command right after “npm start &” runs before the broker listens.
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { withConnectRetry } from '../../../src/cli/terminal/connect-retry.ts'
import type { Terminal } from '../../../src/cli/terminal/terminal.ts'
import { unixTransport } from '../../../src/sdk-node/unix-transport.ts'
import type { Transport } from '../../../src/sdk/index.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const onTerminal = { errors: { isTTY: true } } as Terminal
const inScript = { errors: { isTTY: false } } as Terminal
const RESPONSE = { status: 200, body: ReadableStream.from([]) }

function absent(folder: string): Transport {
  return unixTransport({ rpc: join(folder, 'rpc.sock'), rest: join(folder, 'rest.sock') })
}

const request = { listener: 'rpc', method: 'POST', path: '/rpc' } as const

test('a command on a terminal retries until the broker listens', async () => {
  using folder = tempFolder()
  let attempts = 0
  const startsLater: Transport = async (sent) => (++attempts < 3 ? absent(folder.path)(sent) : RESPONSE)
  expect(await withConnectRetry(onTerminal, startsLater)(request)).toBe(RESPONSE)
  expect(attempts).toBe(3)
})

test.each([
  ['outside a terminal', inScript, 3000],
  ['after the retry time', onTerminal, -1],
])('%s the command fails at once with “unreachable”', async (_, terminal, forMs) => {
  using folder = tempFolder()
  let attempts = 0
  const counted: Transport = (sent) => (attempts++, absent(folder.path)(sent))
  await expect(withConnectRetry(terminal, counted, forMs)(request)).rejects.toMatchObject({
    code: 'unreachable',
  })
  expect(attempts).toBe(1)
})

test('an error from a running broker is not retried', async () => {
  let attempts = 0
  const fails: Transport = () => (attempts++, Promise.reject(new Error('no')))
  await expect(withConnectRetry(onTerminal, fails)(request)).rejects.toThrow('no')
  expect(attempts).toBe(1)
})

test('an abort ends the retries', async () => {
  using folder = tempFolder()
  const leaving = new AbortController()
  const abortsDuringCall: Transport = (sent) => (
    leaving.abort(),
    absent(folder.path)({ ...sent, signal: undefined })
  )
  const sent = withConnectRetry(onTerminal, abortsDuringCall)({ ...request, signal: leaving.signal })
  await expect(sent).rejects.toThrow('aborted')
})
