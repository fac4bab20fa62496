// The document, as the socket of a running broker serves it, in the tools of the OpenRPC project.
import { Ajv } from 'ajv'
import { expect, test } from 'vitest'

import { openRpcTools } from '../../support/open-rpc-tools.ts'
import type { OpenRpc } from '../../support/open-rpc-tools.ts'
import { startInProcessDaemon } from '../../support/in-process-daemon.ts'
import { sendToSocket } from '../../support/rpc-socket.ts'

const { MethodCallValidator, parseOpenRPCDocument } = openRpcTools

async function documentOf(socket: string): Promise<OpenRpc> {
  const { text } = await sendToSocket(socket, 'GET', '/openrpc.json')
  return await parseOpenRPCDocument(JSON.parse(text) as OpenRpc)
}

test('the OpenRPC document is valid, its references resolve, and rpc.discover returns it', async () => {
  await using broker = await startInProcessDaemon()
  const { rpc } = broker.daemon.sockets
  const document = await documentOf(rpc)
  expect(JSON.stringify(document.methods)).not.toContain('"$ref"')
  const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'rpc.discover' })
  const { text } = await sendToSocket(rpc, 'POST', '/rpc', call)
  const discovered = (JSON.parse(text) as { result: OpenRpc }).result
  expect(discovered.methods.map(({ name }) => name)).toEqual(document.methods.map(({ name }) => name))
})

test('every example is a valid call, and the broker’s response matches the schema of its method', async () => {
  await using broker = await startInProcessDaemon()
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
      const answer = JSON.parse((await sendToSocket(rpc, 'POST', '/rpc', call)).text) as { result?: unknown }
      // The token, tool or model that an example names may not exist here.
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

test('a call that violates the contract is refused by the tools and by the server', async () => {
  await using broker = await startInProcessDaemon()
  const { rpc } = broker.daemon.sockets
  const validator = new MethodCallValidator(await documentOf(rpc))
  const params = { provider: 7 }
  expect(validator.validate('providers.test', params)).toHaveLength(1)
  const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'providers.test', params })
  expect(JSON.parse((await sendToSocket(rpc, 'POST', '/rpc', call)).text)).toMatchObject({
    error: { code: -32602 },
  })
})

function paramsOf({ params }: OpenRpc['methods'][number]['examples'][number]): Record<string, unknown> {
  return Object.fromEntries(params.map(({ name, value }) => [name, value]))
}
