import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { program } from '../../../mcp/support.ts'
import { startMcpServer } from '../support.ts'

let server: Awaited<ReturnType<typeof startMcpServer>>
beforeAll(async () => {
  server = await startMcpServer({ raw: program('raw') })
})
afterAll(() => server[Symbol.asyncDispose]())

const call = (id: number, method: string, params: object = {}) => ({ jsonrpc: '2.0', id, method, params })
const OPENING = call(1, 'initialize', {
  protocolVersion: '2025-06-18',
  capabilities: {},
  clientInfo: { name: 'test', version: '1' },
})

async function post(body: object, accept: string | undefined, session?: string) {
  const headers = new Headers({ 'content-type': 'application/json' })
  headers.set('accept', accept ?? '')
  if (session !== undefined) headers.set('mcp-session-id', session)
  const response = await fetch(`${server.url}/mcp`, { method: 'POST', headers, body: JSON.stringify(body) })
  const text = await response.text()
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    session: response.headers.get('mcp-session-id') ?? '',
    message: JSON.parse(/^data: (\{.*)$/m.exec(text)?.[1] ?? text) as { result?: unknown; error?: unknown },
  }
}

describe.each([
  ['application/json', /^application\/json/],
  ['text/event-stream', /^text\/event-stream/],
  ['*/*', /json|event-stream/],
  ['', /json|event-stream/],
  ['application/*', /^application\/json/],
  ['text/event-stream;q=0.9, text/html', /^text\/event-stream/],
  ['application/json, text/event-stream;q=0', /^application\/json/],
  ['application/json, text/event-stream', /json|event-stream/],
])('a client that accepts “%s”', (accept, type) => {
  test('opens a session, lists tools and calls one, and gets each in a form that it reads', async () => {
    const opened = await post(OPENING, accept)
    expect(opened).toMatchObject({ status: 200, message: { result: { protocolVersion: '2025-06-18' } } })
    expect(opened.type).toMatch(type)
    const listed = await post(call(2, 'tools/list'), accept, opened.session)
    expect(listed.message.result).toMatchObject({ tools: expect.any(Array) })
    const params = { name: 'raw__echo', arguments: { a: 1 } }
    const called = await post(call(3, 'tools/call', params), accept, opened.session)
    expect(called.message).toMatchObject({ id: 3, result: { content: [{ type: 'text', text: '{"a":1}' }] } })
    expect(called.type).toMatch(type)
  })

  test('gets the error of a call that fails', async () => {
    const { session } = await post(OPENING, accept)
    const failed = await post(call(2, 'no/such/method'), accept, session)
    expect(failed.message).toMatchObject({ id: 2, error: { code: -32601 } })
  })
})

test('a client that reads neither form gets 406', async () => {
  expect(await post(OPENING, 'text/html')).toMatchObject({ status: 406 })
})

test.each(['*/*', 'text/event-stream', 'text/*'])('a session’s stream opens for “%s”', async (accept) => {
  const { session } = await post(OPENING, accept)
  const end = new AbortController()
  const headers = { accept, 'mcp-session-id': session }
  const response = await fetch(`${server.url}/mcp`, { headers, signal: end.signal })
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
  end.abort()
})
