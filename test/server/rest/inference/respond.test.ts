import { request as httpRequest } from 'node:http'
import { expect, test } from 'vitest'
import { BrokerError } from '../../../../src/base/errors.ts'
import { OPENROUTER } from '../../../../src/server/rest/shapes/openrouter.ts'
import type { InferenceServices } from '../../../../src/inference/services/services.ts'
import { respond } from '../../../../src/server/rest/inference/respond.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { openServer } from '../../http/open-server.ts'

/** What the caller receives of a stream that fails after its first chunk, and what is logged. */
async function failMidStream(thrown: unknown): Promise<{ received: string; logged: object[] }> {
  const logged: object[] = []
  // A response without an idempotency key needs only the clock of all services.
  const services = { clock: manualClock() } as unknown as InferenceServices
  await using server = await openServer({
    logger: { error: (details) => void logged.push(details) },
    routes: (fastify) =>
      fastify.post('/v1/chat/completions', async (_request, reply) => {
        await respond(reply, { services, replay: undefined, shape: OPENROUTER }, async (sink) => {
          sink.prepare({ model: 'm', stream: true, object: 'chat.completion.chunk' })
          sink.start({})
          sink.chunk('{"choices":[]}')
          throw thrown
        })
      }),
  })
  const { path } = server.where as { path: string }
  const received = await new Promise<string>((resolve, reject) => {
    const request = httpRequest(
      { socketPath: path, path: '/v1/chat/completions', method: 'POST' },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece))
        response.on('end', () => resolve(text))
      },
    )
    request.on('error', reject)
    request.end()
  })
  return { received, logged }
}

test('a bug after the first chunk is sent as an error event and logged with its stack', async () => {
  const bug = new TypeError('cannot read that')
  const { received, logged } = await failMidStream(bug)
  expect(received).toContain('"code":500')
  expect(received).not.toContain('cannot read that')
  expect(received).not.toContain('[DONE]')
  expect(logged).toMatchObject([{ route: '/v1/chat/completions', err: bug }])
})

test('a failure that is not a bug is sent to the caller and not logged', async () => {
  const { received, logged } = await failMidStream(new BrokerError('upstream-failed', 'it broke'))
  expect(received).toContain('it broke')
  expect(logged).toEqual([])
})

test.each([true, false])(
  'a model name that is not ASCII is percent-encoded in the head (streamed: %s)',
  async (streamed) => {
    const services = { clock: manualClock() } as unknown as InferenceServices
    await using server = await openServer({
      routes: (fastify) =>
        fastify.post('/v1/chat/completions', async (_request, reply) => {
          await respond(reply, { services, replay: undefined, shape: OPENROUTER }, async (sink) => {
            sink.prepare({ model: 'm', stream: streamed, object: 'chat.completion.chunk' })
            sink.start({})
            sink.setAttempted?.(['ollama/模型', 'local/b\ud800'])
            if (!streamed) return sink.respond('{}')
            sink.chunk('{}')
            sink.end()
          })
        }),
    })
    const response = await server.send('POST /v1/chat/completions HTTP/1.1')
    expect(response?.status).toBe(200)
    expect(response?.headers.get('x-aibroker-tried')).toBe('ollama/%E6%A8%A1%E5%9E%8B, local/b%EF%BF%BD')
  },
)
