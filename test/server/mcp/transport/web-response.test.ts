import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { disconnectSignal, writeWebResponse } from '../../../../src/server/mcp/transport/web-response.ts'

const MEGABYTE = 1024 * 1024

test('a client that doesn’t read is disconnected before unread messages fill our memory', async () => {
  let isOver = false
  const stream = new ReadableStream({
    // The protocol's library writes like this, whether the client reads or not.
    start(controller) {
      for (let megabyte = 0; megabyte < 24; megabyte++) controller.enqueue(new Uint8Array(MEGABYTE))
    },
    cancel: () => void (isOver = true),
  })
  const http = createServer(
    (_, response) =>
      void writeWebResponse(new Response(stream), response, disconnectSignal(response), {
        unreadTimeoutMs: 400,
      }),
  ).listen(0, '127.0.0.1')
  await once(http, 'listening')
  const client = connect((http.address() as AddressInfo).port, '127.0.0.1').pause()
  client.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await expect.poll(() => isOver).toBe(true)
  client.destroy()
  http.close()
  await once(http, 'close')
})

test('a client that reads slowly but steadily gets the complete response', async () => {
  const stream = new ReadableStream({
    start(controller) {
      for (let megabyte = 0; megabyte < 40; megabyte++) controller.enqueue(new Uint8Array(MEGABYTE))
      controller.close()
    },
  })
  const http = createServer(
    (_, response) =>
      void writeWebResponse(new Response(stream), response, disconnectSignal(response), {
        unreadTimeoutMs: 400,
      }),
  ).listen(0, '127.0.0.1')
  await once(http, 'listening')
  const answer = await fetch(`http://127.0.0.1:${(http.address() as AddressInfo).port}`)
  let bytes = 0
  for await (const chunk of answer.body ?? []) {
    const before = bytes
    bytes += chunk.byteLength
    if (Math.floor(bytes / MEGABYTE) > Math.floor(before / MEGABYTE)) await setTimeout(50)
  }
  expect(bytes).toBe(40 * MEGABYTE)
  http.closeAllConnections()
  http.close()
  await once(http, 'close')
})

test('a client that reads gets the complete response, however large a message is', async () => {
  const stream = new ReadableStream({
    start(controller) {
      for (let megabyte = 0; megabyte < 48; megabyte++) controller.enqueue(new Uint8Array(MEGABYTE))
      controller.close()
    },
  })
  const http = createServer(
    (_, response) => void writeWebResponse(new Response(stream), response, disconnectSignal(response)),
  ).listen(0, '127.0.0.1')
  await once(http, 'listening')
  const answer = await fetch(`http://127.0.0.1:${(http.address() as AddressInfo).port}`)
  expect((await answer.arrayBuffer()).byteLength).toBe(48 * MEGABYTE)
  http.closeAllConnections()
  http.close()
  await once(http, 'close')
})
