import { createServer } from 'node:http'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { callerOf } from '../../../../src/mcp-servers/hero/caller.ts'
import { openRelay } from '../../../../src/mcp-servers/hero/sandbox/relay.ts'
import { readOpenRpc } from '../../../../src/mcp-servers/hero/services/openrpc.ts'
import { readSettings } from '../../../../src/mcp-servers/hero/settings.ts'
import { sendRequest } from '../../../support/open-request.ts'
import { tempFolder } from '../../../support/temp-folder.ts'
import { ledgerDocument } from '../../hero-support.ts'

const settings = readSettings({})

/** A relay to a service that records the bytes it receives. */
async function relayTo() {
  const folder = tempFolder()
  const received: string[] = []
  const service = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      received.push(Buffer.concat(chunks).toString())
      response.end('{"jsonrpc":"2.0","id":1,"result":true}')
    })
  })
  const socket = join(folder.path, 'real.sock')
  service.listen(socket)
  await once(service, 'listening')
  const described = readOpenRpc('ledger', ledgerDocument)
  const caller = callerOf({ meta: {} }, settings)
  if (described === undefined || caller === undefined) throw new Error('the support document is valid')
  const known = { service: described, socket, module: 'ledger.py', client: '', interface: '' }
  const relay = await openRelay(
    folder.path,
    { services: [known], caller },
    settings,
    new AbortController().signal,
  )
  return {
    received,
    send: async (body: string) => {
      const path = join(folder.path, 'ledger.sock')
      const { text } = await sendRequest({ socketPath: path, method: 'POST', path: '/rpc', body })
      return text
    },
    async [Symbol.asyncDispose]() {
      await relay[Symbol.asyncDispose]()
      service.closeAllConnections()
      service.close()
      folder[Symbol.dispose]()
    },
  }
}

test.each([
  ['a repeated method', '{"jsonrpc":"2.0","id":1,"method":"ledger.wipe","method":"usage.summary"}'],
  [
    'a repeated method, escaped',
    '{"jsonrpc":"2.0","id":1,"m\\u0065thod":"ledger.wipe","method":"usage.summary"}',
  ],
  [
    'a method in other letter case',
    '{"jsonrpc":"2.0","id":1,"method":"usage.summary","Method":"ledger.wipe"}',
  ],
  ['a method in capitals', '{"METHOD":"ledger.wipe","jsonrpc":"2.0","id":1,"method":"usage.summary"}'],
  [
    'a method with a long s',
    '{"jsonrpc":"2.0","id":1,"method":"usage.summary","method\\u0000":"ledger.wipe"}',
  ],
])('a service receives what was checked, not %s', async (_case, body) => {
  await using at = await relayTo()
  await at.send(body)
  expect(at.received).toEqual(['{"jsonrpc":"2.0","method":"usage.summary","id":1}'])
})

test('params are forwarded with every digit, and a repeated name once', async () => {
  await using at = await relayTo()
  await at.send(
    '{"id":"a","method":"usage.summary","jsonrpc":"1.0","params":{"since":12345678901234567890,"x":1,"x":[1.50,2]}}',
  )
  expect(at.received).toEqual([
    '{"jsonrpc":"2.0","method":"usage.summary","params":{"since":12345678901234567890,"x":[1.50,2]},"id":"a"}',
  ])
})

test.each([
  ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"usage.summary"}]'],
  ['no JSON', '{"method":"usage.summary"'],
  ['a method that is no text', '{"id":1,"method":["usage.summary"]}'],
  ['params that are no object', '{"id":1,"method":"usage.summary","params":"x"}'],
])('%s is refused and never forwarded', async (_case, body) => {
  await using at = await relayTo()
  expect(await at.send(body)).toContain('only single JSON-RPC calls')
  expect(at.received).toEqual([])
})
