// A streaming method sends responses to one call until its caller disconnects.
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { once } from 'node:events'

import { expect, test } from 'vitest'

import { BrokerError } from '../../../src/base/errors.ts'
import type { StreamHandlers } from '../../../src/server/rpc/calls/handler-types.ts'
import { STREAM_TYPE } from '../../../src/wire/rpc/message.ts'
import { eventsIn } from '../../../src/wire/sse.ts'
import { exampleStreams } from '../../support/rpc-handlers.ts'
import { startRpcSocket } from '../../support/rpc-socket.ts'
import type { RpcSocket } from '../../support/rpc-socket.ts'

const PAGE = { lines: [], next: 1, missed: 0 }

async function open({ path }: RpcSocket, call: object, accept = STREAM_TYPE): Promise<IncomingMessage> {
  const headers = { 'content-type': 'application/json', accept }
  const outgoing = request({ socketPath: path, method: 'POST', path: '/rpc', headers, agent: false })
  outgoing.on('error', () => undefined).end(JSON.stringify(call))
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  return incoming
}

async function readAll(incoming: IncomingMessage): Promise<unknown[]> {
  const answers: unknown[] = []
  for await (const payload of eventsIn(incoming)) answers.push(JSON.parse(payload))
  return answers
}

const CALL = { jsonrpc: '2.0', method: 'logs.tail', params: {}, id: 7 }

test('every result of a stream is a response to the call, and an error is the last one', async () => {
  const tail: StreamHandlers['logs.tail'] = async function* () {
    yield PAGE
    yield undefined
    yield { ...PAGE, next: 2 }
    throw new BrokerError('over-limit', 'enough')
  }
  await using socket = await startRpcSocket({
    roleOf: () => 'admin',
    streams: { ...exampleStreams, 'logs.tail': tail },
  })
  const incoming = await open(socket, CALL)
  expect(incoming.headers['content-type']).toBe(STREAM_TYPE)
  expect(await readAll(incoming)).toEqual([
    { jsonrpc: '2.0', result: PAGE, id: 7 },
    { jsonrpc: '2.0', result: { ...PAGE, next: 2 }, id: 7 },
    {
      jsonrpc: '2.0',
      error: {
        code: -32029,
        message: 'enough',
        data: expect.objectContaining({ code: 'over-limit' }) as object,
      },
      id: 7,
    },
  ])
})

test.each([
  ['without the role', CALL, 'caller', 'forbidden'],
  ['with bad params', { ...CALL, params: { level: 'loud' } }, 'admin', 'bad-request'],
] as const)('a call %s is refused in the stream with its error', async (_, call, role, code) => {
  await using socket = await startRpcSocket({ roleOf: () => role })
  expect(await readAll(await open(socket, call))).toMatchObject([{ error: { data: { code } }, id: 7 }])
})

test('a call gets one response if it does not accept a stream, or its method has none', async () => {
  await using socket = await startRpcSocket({ roleOf: () => 'admin' })
  for (const [call, accept] of [
    [CALL, 'application/json'],
    [{ ...CALL, method: 'health' }, STREAM_TYPE],
    [[CALL], STREAM_TYPE],
    [{ ...CALL, method: 7 }, STREAM_TYPE],
  ] as const) {
    const incoming = await open(socket, call, accept)
    expect(incoming.headers['content-type']).toBe('application/json; charset=utf-8')
    expect(JSON.parse((await incoming.toArray()).join(''))).toBeTruthy()
  }
})

test('a disconnect of the caller ends its stream', async () => {
  const left = Promise.withResolvers<void>()
  const tail: StreamHandlers['logs.tail'] = async function* (_params, _caller, signal) {
    signal.addEventListener('abort', () => left.resolve())
    yield PAGE
    await left.promise
  }
  await using socket = await startRpcSocket({
    roleOf: () => 'admin',
    streams: { ...exampleStreams, 'logs.tail': tail },
  })
  const incoming = await open(socket, CALL)
  await once(incoming, 'data')
  incoming.destroy()
  await expect(left.promise).resolves.toBeUndefined()
})
