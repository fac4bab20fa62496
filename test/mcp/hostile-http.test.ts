import { once } from 'node:events'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as bodyOf } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { alice, gatewayOf, textOf } from './support.ts'

const MEGABYTE = 1024 * 1024
const piece = 'x'.repeat(65_536)

test('an endless event is aborted and its server is cut off', async () => {
  const endless = endlessly('text/event-stream', 'data: ', piece)
  await using server = await oddServer({ call: endless.respond })
  await using gateway = await gatewayOf({ odd: server.entry })
  await expect(gateway.callTool(alice, 'odd__odd', {})).rejects.toMatchObject({
    code: 'upstream-failed',
    message: 'server “odd” was cut off during the call: it sent a message of more than 16 MB',
  })
  await expect.poll(() => endless.isCutOff()).toBe(true)
  expect(endless.sent()).toBeLessThan(40 * MEGABYTE)
})

test('an endless response fails its call alone', async () => {
  const endless = endlessly('application/json', '{"x":"', piece)
  await using server = await oddServer({ call: endless.respond })
  await using gateway = await gatewayOf({ odd: server.entry })
  await expect(gateway.callTool(alice, 'odd__odd', {})).rejects.toMatchObject({
    code: 'upstream-failed',
    message: 'server “odd” sent a message of more than 16 MB',
  })
  await expect.poll(() => endless.isCutOff()).toBe(true)
  expect(textOf(await gateway.callTool(alice, 'odd__echo', {}))).toBe('echo')
})

test('a flood of unsolicited messages over HTTP closes the connection', async () => {
  const note = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' }
  const endless = endlessly('text/event-stream', '', `data: ${JSON.stringify(note)}\n\n`.repeat(100))
  await using server = await oddServer({ call: endless.respond })
  await using gateway = await gatewayOf({ odd: server.entry })
  await expect(gateway.callTool(alice, 'odd__odd', {})).rejects.toMatchObject({
    message: 'server “odd” was cut off during the call: it floods us with messages',
  })
  await expect.poll(() => endless.isCutOff()).toBe(true)
})

test('a stream that ends at once with retry 0 is reopened at a limited rate', async () => {
  let opened = 0
  const stream = (response: ServerResponse): void => {
    opened++
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end('retry: 0\nid: 1\ndata: \n\n')
  }
  await using server = await oddServer({ stream })
  await using gateway = await gatewayOf({ odd: server.entry })
  expect(textOf(await gateway.callTool(alice, 'odd__echo', {}))).toBe('echo')
  await expect.poll(() => opened).toBeGreaterThan(5)
  await new Promise((resolve) => setTimeout(resolve, 1500))
  expect(opened).toBeLessThan(60)
})

test('a server that stops responding after initialize is given up at the start timeout', async () => {
  await using server = await oddServer({ greeted: () => undefined })
  await using gateway = await gatewayOf({ odd: { ...server.entry, startTimeoutMs: 300 } })
  const { unavailable } = await gateway.listTools(alice)
  expect(unavailable).toEqual([{ server: 'odd', reason: 'it did not answer in time' }])
}, 5000)

interface Oddities {
  /** Responds to `notifications/initialized`. */
  readonly greeted?: (response: ServerResponse) => void
  /** Responds to a call of the tool `odd`. */
  readonly call?: (response: ServerResponse) => void
  /** Responds to the GET that opens a stream. */
  readonly stream?: (response: ServerResponse) => void
}

/** An HTTP server with the tools `echo` and `odd`. */
async function oddServer({ call, stream, greeted }: Oddities) {
  const http = createServer((request, response) => void respond(request, response))
  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'GET' && stream !== undefined) return stream(response)
    if (request.method !== 'POST') return void response.writeHead(405).end()
    const { id, method, params } = JSON.parse(await bodyOf(request))
    if (id === undefined && greeted !== undefined) return greeted(response)
    if (id === undefined) return void response.writeHead(202).end()
    if (params?.name === 'odd' && call !== undefined) return call(response)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: RESULTS[method] ?? {} }))
  }
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  return {
    entry: { url: `http://127.0.0.1:${port}/mcp`, era: 'legacy', shared: true, callTimeoutMs: 5000 },
    async [Symbol.asyncDispose]() {
      http.closeAllConnections()
      http.close()
      await once(http, 'close')
    },
  }
}

const RESULTS: Readonly<Record<string, object>> = {
  initialize: {
    protocolVersion: '2025-06-18',
    capabilities: { tools: {} },
    serverInfo: { name: 'odd', version: '1' },
  },
  'tools/list': { tools: ['echo', 'odd'].map((name) => ({ name, inputSchema: { type: 'object' } })) },
  'tools/call': { content: [{ type: 'text', text: 'echo' }] },
}

/** A response that starts and then continues for as long as it is read, up to 256 MB. */
function endlessly(type: string, beginning: string, repeated: string) {
  let sent = 0
  let isCutOff = false
  return {
    sent: () => sent,
    isCutOff: () => isCutOff,
    respond: (response: ServerResponse): void => {
      response.writeHead(200, { 'content-type': type }).write(beginning)
      response.once('close', () => (isCutOff = true))
      const go = (): void => {
        while (!response.destroyed && sent < 256 * MEGABYTE && response.write(repeated))
          sent += repeated.length
      }
      response.on('drain', go)
      go()
    },
  }
}
