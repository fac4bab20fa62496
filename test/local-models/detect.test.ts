import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { detectLocalServers, defaultLocalServers } from '../../src/local-models/detect.ts'

const list = (...ids: string[]) => ({
  object: 'list',
  data: ids.map((id) => ({ id, object: 'model', owned_by: 'x' })),
})

test('detection finds the servers that list models, in order, whatever the others do', async () => {
  const candidates = [
    { name: 'good', port: await serve((_, response) => response.end(JSON.stringify(list('a', 'b')))) },
    { name: 'web', port: await serve((_, response) => response.end('<html>hello</html>')) },
    { name: 'other', port: await serve((_, response) => response.end('{"data":[{"id":1}]}')) },
    {
      name: 'refuses',
      port: await serve((_, response) => response.writeHead(401).end(JSON.stringify(list('c')))),
    },
    { name: 'away', port: await serve((_, response) => response.writeHead(302, { location: '/' }).end()) },
    { name: 'silent', port: await serve(() => {}) },
    { name: 'endless', port: await serve((_, response) => response.end(' '.repeat(2 * 1024 * 1024))) },
    { name: 'gone', port: await closedPort() },
    { name: 'empty', port: await serve((_, response) => response.end('{"object":"list","data":null}')) },
  ]
  expect(await detectLocalServers({ candidates, timeoutMs: 300 })).toEqual([
    { name: 'good', baseUrl: `http://127.0.0.1:${candidates[0]?.port}/v1`, models: ['a', 'b'] },
    { name: 'empty', baseUrl: `http://127.0.0.1:${candidates[8]?.port}/v1`, models: [] },
  ])
})

test('detection requests the list of models and sends no key', async () => {
  const seen: unknown[] = []
  const port = await serve(({ method, url, headers }, response) => {
    seen.push([method, url, headers.authorization])
    response.end('{}')
  })
  await detectLocalServers({ candidates: [{ name: 'one', port }] })
  expect(seen).toEqual([['GET', '/v1/models', undefined]])
})

test('detection knows the default ports', () => {
  expect(Object.fromEntries(defaultLocalServers.map(({ name, port }) => [name, port]))).toEqual({
    ollama: 11434,
    lmstudio: 1234,
    llamacpp: 8080,
    vllm: 8000,
  })
})

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
