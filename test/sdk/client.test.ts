import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { describe, expect, expectTypeOf, test } from 'vitest'

import { BrokerError, ERRORS } from '../../src/base/errors.ts'
import type { ErrorCode } from '../../src/base/errors.ts'
import { renderError } from '../../src/server/http/errors/error-response.ts'
import { unixTransport } from '../../src/sdk-node/unix-transport.ts'
import { connect, httpTransport } from '../../src/sdk/index.ts'
import type { ChatChunk, Result } from '../../src/sdk/index.ts'
import { methods } from '../../src/wire/rpc/methods.ts'
import { exampleHandlers } from '../support/rpc-handlers.ts'
import { HEAD, event, refuses, says, startScriptedBroker } from '../support/scripted-broker.ts'
import type { ScriptedBroker } from '../support/scripted-broker.ts'

const clientOf = ({ sockets }: ScriptedBroker) => connect(unixTransport(sockets))
const request = { model: 'auto', messages: [{ role: 'user', content: 'hi' }] } as const

describe('an RPC call', () => {
  test('has the params and the result of its contract', async () => {
    await using broker = await startScriptedBroker(says())
    const summary = await clientOf(broker).call('usage.summary', { since: 5 })
    expectTypeOf(summary).toEqualTypeOf<Result<'usage.summary'>>()
    expect(summary).toEqual(methods['usage.summary'].example.result)
    expect(await clientOf(broker).call('health')).toEqual(methods.health.example.result)
  })

  test('keeps fields that a newer broker adds', async () => {
    const handlers = {
      ...exampleHandlers,
      health: async () => ({ ...methods.health.example.result, mood: 'fine' }),
    }
    await using broker = await startScriptedBroker(says(), { handlers })
    expect(await clientOf(broker).call('health')).toHaveProperty('mood', 'fine')
  })

  test('fails when the response has another shape than the contract', async () => {
    const handlers = { ...exampleHandlers, health: async () => ({ status: 'ok' }) as never }
    await using broker = await startScriptedBroker(says(), { handlers })
    await expect(clientOf(broker).call('health')).rejects.toThrow(
      'in a shape this client does not know (“service” is missing)',
    )
  })

  test.each(Object.keys(ERRORS) as ErrorCode[])('fails with the broker’s own %s', async (code) => {
    const details = { provider: 'Groq', status: 429, retryAfter: 3, metadata: { limit: 'minute' } }
    const health = () => Promise.reject(new BrokerError(code, 'said so', { details }))
    await using broker = await startScriptedBroker(says(), { handlers: { ...exampleHandlers, health } })
    const failure = await clientOf(broker)
      .call('health')
      .catch((thrown: unknown) => thrown)
    expect(failure).toBeInstanceOf(BrokerError)
    expect(failure).toMatchObject({ code, message: 'said so', details })
  })

  test('without a broker fails with “unreachable” and names the socket', async () => {
    const client = connect(unixTransport({ rpc: '/tmp/nobody/rpc.sock', rest: '/tmp/nobody/rest.sock' }))
    await expect(client.call('health')).rejects.toMatchObject({
      code: 'unreachable',
      message: 'no broker answers at /tmp/nobody/rpc.sock',
    })
  })

  test('can be aborted', async () => {
    const started = Promise.withResolvers<void>()
    const handlers = {
      ...exampleHandlers,
      health: () => {
        started.resolve()
        return new Promise<never>(() => undefined)
      },
    }
    await using broker = await startScriptedBroker(says(), { handlers })
    const controller = new AbortController()
    const pending = clientOf(broker).call('health', {}, { signal: controller.signal })
    await started.promise
    controller.abort()
    await expect(pending).rejects.toThrow('aborted')
  })
})

describe('an RPC batch', () => {
  test('gives each call its own outcome, in the order of the calls', async () => {
    const info = () => Promise.reject(new BrokerError('forbidden', 'not you'))
    await using broker = await startScriptedBroker(says(), { handlers: { ...exampleHandlers, info } })
    const [health, refused, models] = await clientOf(broker).batch([
      ['health'],
      ['info'],
      ['models.list', {}],
    ])
    expectTypeOf(models).toEqualTypeOf<PromiseSettledResult<Result<'models.list'>>>()
    expect(health).toEqual({ status: 'fulfilled', value: methods.health.example.result })
    expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'forbidden', message: 'not you' } })
    expect(models.status).toBe('fulfilled')
  })

  test('without calls sends no request', async () => {
    const transport = () => Promise.reject(new Error('asked'))
    expect(await connect(transport).batch([])).toEqual([])
  })
})

describe('a chat request', () => {
  test('returns the complete response', async () => {
    await using broker = await startScriptedBroker(says('Hello', ' there'))
    const response = await clientOf(broker).chat(request)
    expect(response.choices[0]?.message.content).toBe('Hello there')
    expect(response.usage?.cost).toBe(0.0000039)
    expect(broker.chatRequests).toEqual([{ ...request, stream: false }])
  })

  test('streams chunks, with the usage in the last one', async () => {
    await using broker = await startScriptedBroker(says('Hello', ' there'))
    const chunks: ChatChunk[] = []
    for await (const chunk of clientOf(broker).streamChat(request)) chunks.push(chunk)
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('Hello there')
    expect(chunks.at(-1)?.usage).toMatchObject({ completion_tokens: 4 })
  })

  test('throws when the stream is cut off, instead of looking complete', async () => {
    await using broker = await startScriptedBroker((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(event({ ...HEAD, choices: [{ index: 0, delta: { content: 'Hel' } }] }))
    })
    await expect(drain(clientOf(broker).streamChat(request))).rejects.toThrow('ended before it was complete')
  })

  test('throws when the connection breaks during the stream', async () => {
    await using broker = await startScriptedBroker((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'content-length': '9999' })
      response.write(event({ ...HEAD, choices: [] }), () => response.destroy())
    })
    await expect(drain(clientOf(broker).streamChat(request))).rejects.toMatchObject({ code: 'unreachable' })
  })

  test('throws an error that comes inside the stream', async () => {
    await using broker = await startScriptedBroker((_request, response) => {
      const error = {
        code: 504,
        message: 'Groq was silent',
        metadata: { error_type: 'timeout', provider_name: 'Groq' },
      }
      response.end(event({ ...HEAD, choices: [], error }))
    })
    await expect(drain(clientOf(broker).streamChat(request))).rejects.toMatchObject({
      code: 'upstream-timeout',
      message: 'Groq was silent',
      details: { provider: 'Groq' },
    })
  })

  test.each([
    [402, { error_type: 'payment_required' }, 'over-budget'],
    [429, { error_type: 'rate_limit_exceeded', retry_after_seconds: 3 }, 'over-limit'],
    [429, { error_type: 'rate_limit_exceeded', provider_name: 'Groq' }, 'upstream-busy'],
    [404, { error_type: 'not_found' }, 'not-found'],
    [418, { error_type: 'tea' }, 'bad-request'],
  ])('refused with HTTP %d and %j fails with “%s”', async (status, metadata, code) => {
    await using broker = await startScriptedBroker(refuses(status, 'no', metadata))
    await expect(clientOf(broker).chat(request)).rejects.toMatchObject({ code, message: 'no' })
  })

  test.each(Object.keys(ERRORS) as ErrorCode[])(
    'restores the code and details of the broker’s error “%s”',
    async (code) => {
      const { status, body } = renderError(new BrokerError(code, 'no', { details: { status: 418 } }))
      await using broker = await startScriptedBroker((_request, response) => {
        response.writeHead(status).end(JSON.stringify(body))
      })
      await expect(clientOf(broker).chat(request)).rejects.toMatchObject({
        code,
        message: 'no',
        details: { status: 418, metadata: { error_type: ERRORS[code].type } },
      })
    },
  )

  test('closes the connection when the reader leaves the loop or aborts', async () => {
    const closed = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    await using broker = await startScriptedBroker(async (_request, response) => {
      response.write(event({ ...HEAD, choices: [{ index: 0, delta: { content: 'one' } }] }))
      await once(response, 'close')
      closed[broker.chatRequests.length - 1]?.resolve()
    })
    for await (const _chunk of clientOf(broker).streamChat(request)) break
    await closed[0]?.promise

    const controller = new AbortController()
    const response = clientOf(broker).streamChat(request, { signal: controller.signal })
    await response.next()
    controller.abort()
    await expect(response.next()).rejects.toThrow('aborted')
    await closed[1]?.promise
  })
})

describe('the client over HTTP', () => {
  test('streams a chat by fetch', async () => {
    const server = createServer(
      (_request, response) => void says('Hello', ' there')({ ...request, stream: true }, response),
    )
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const response: (string | null | undefined)[] = []
    for await (const { choices } of connect(httpTransport(`http://127.0.0.1:${port}`)).streamChat(request)) {
      response.push(choices[0]?.delta.content)
    }
    server.close()
    expect(response.join('')).toBe('Hello there')
  })

  test('sends its headers, and fails with “unreachable” without a broker', async () => {
    const seen: RequestInit[] = []
    const fetch = async (_url: string, init: RequestInit) => {
      seen.push(init)
      return Response.json({ jsonrpc: '2.0', result: methods.health.example.result, id: 0 })
    }
    const client = connect(httpTransport('http://broker/', { fetch, headers: { authorization: 'Bearer x' } }))
    expect(await client.call('health')).toEqual(methods.health.example.result)
    expect(seen[0]?.headers).toMatchObject({ authorization: 'Bearer x', 'content-type': 'application/json' })

    const unreachable = connect(httpTransport('http://127.0.0.1:1'))
    await expect(unreachable.call('health')).rejects.toMatchObject({ code: 'unreachable' })
  })
})

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _chunk of stream);
}
