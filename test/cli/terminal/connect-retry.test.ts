// A command right after “npm start &” runs before the broker listens.
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { withPatience } from '../../../src/cli/terminal/connect-retry.ts'
import type { Terminal } from '../../../src/cli/terminal/terminal.ts'
import { unixTransport } from '../../../src/sdk-node/unix-transport.ts'
import type { Transport } from '../../../src/sdk/index.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const onTerminal = { errors: { isTTY: true } } as Terminal
const inScript = { errors: { isTTY: false } } as Terminal
const ANSWER = { status: 200, body: ReadableStream.from([]) }

function absent(folder: string): Transport {
  return unixTransport({ rpc: join(folder, 'rpc.sock'), rest: join(folder, 'rest.sock') })
}

const request = { door: 'rpc', method: 'POST', path: '/rpc' } as const

test('a command on a terminal retries until the broker listens', async () => {
  using folder = tempFolder()
  let tries = 0
  const startsLater: Transport = async (asked) => (++tries < 3 ? absent(folder.path)(asked) : ANSWER)
  expect(await withPatience(onTerminal, startsLater)(request)).toBe(ANSWER)
  expect(tries).toBe(3)
})

test.each([
  ['outside a terminal', inScript, 3000],
  ['after the retry time', onTerminal, -1],
])('%s the command fails at once with “unreachable”', async (_, terminal, forMs) => {
  using folder = tempFolder()
  let tries = 0
  const counted: Transport = (asked) => (tries++, absent(folder.path)(asked))
  await expect(withPatience(terminal, counted, forMs)(request)).rejects.toMatchObject({ code: 'unreachable' })
  expect(tries).toBe(1)
})

test('an error from a running broker is not retried', async () => {
  let tries = 0
  const refuses: Transport = () => (tries++, Promise.reject(new Error('no')))
  await expect(withPatience(onTerminal, refuses)(request)).rejects.toThrow('no')
  expect(tries).toBe(1)
})

test('an abort ends the retries', async () => {
  using folder = tempFolder()
  const leaving = new AbortController()
  const leaves: Transport = (asked) => (leaving.abort(), absent(folder.path)({ ...asked, signal: undefined }))
  const asked = withPatience(onTerminal, leaves)({ ...request, signal: leaving.signal })
  await expect(asked).rejects.toThrow('aborted')
})
