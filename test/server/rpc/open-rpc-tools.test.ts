// The document through the OpenRPC project's own tools, as the live socket of the whole broker hands it out.
import { Ajv } from 'ajv'
import { expect, test } from 'vitest'

import { openRpcTools } from '../../support/open-rpc-tools.ts'
import type { OpenRpc } from '../../support/open-rpc-tools.ts'
import { startDaemonHere } from '../../support/in-process-daemon.ts'
import { send } from '../../support/rpc-socket.ts'

const { MethodCallValidator, parseOpenRPCDocument } = openRpcTools

async function documentOf(socket: string): Promise<OpenRpc> {
  const { text } = await send(socket, 'GET', '/openrpc.json')
  return await parseOpenRPCDocument(JSON.parse(text) as OpenRpc)
}

test('the document is read, its references are followed, and it is what rpc.discover answers', async () => {
  await using broker = await startDaemonHere()
  const { rpc } = broker.daemon.sockets
  const document = await documentOf(rpc)
  expect(JSON.stringify(document.methods)).not.toContain('"$ref"')
  const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'rpc.discover' })
  const { text } = await send(rpc, 'POST', '/rpc', call)
  const discovered = (JSON.parse(text) as { result: OpenRpc }).result
  expect(discovered.methods.map(({ name }) => name)).toEqual(document.methods.map(({ name }) => name))
})

test('every example is a call by the book, and what the broker really answers has the shape it promised', async () => {
  await using broker = await startDaemonHere()
  const { rpc } = broker.daemon.sockets
  const document = await documentOf(rpc)
  const validator = new MethodCallValidator(document)
  const ajv = new Ajv({ strict: false, validateFormats: false })
  let answered = 0
  for (const { name, examples, result } of document.methods) {
    for (const example of examples) {
      const params = paramsOf(example)
      expect({ name, faults: validator.validate(name, params) }).toEqual({ name, faults: [] })
      const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: name, params })
      const answer = JSON.parse((await send(rpc, 'POST', '/rpc', call)).text) as { result?: unknown }
      // What an example names (a token, a tool, a real model) need not be there.
      if (answer.result === undefined) continue
      answered++
      const fits = ajv.compile(result.schema)
      expect({ name, fits: fits(answer.result), faults: fits.errors ?? [] }).toEqual({
        name,
        fits: true,
        faults: [],
      })
    }
  }
  expect(answered).toBeGreaterThan(20)
})

test('a call that the contract does not allow is seen by the tools and refused by the door', async () => {
  await using broker = await startDaemonHere()
  const { rpc } = broker.daemon.sockets
  const validator = new MethodCallValidator(await documentOf(rpc))
  const params = { provider: 7 }
  expect(validator.validate('providers.test', params)).toHaveLength(1)
  const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'providers.test', params })
  expect(JSON.parse((await send(rpc, 'POST', '/rpc', call)).text)).toMatchObject({ error: { code: -32602 } })
})

function paramsOf({ params }: OpenRpc['methods'][number]['examples'][number]): Record<string, unknown> {
  return Object.fromEntries(params.map(({ name, value }) => [name, value]))
}
