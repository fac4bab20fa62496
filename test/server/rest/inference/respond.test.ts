import { request as httpRequest } from 'node:http'
import { expect, test } from 'vitest'
import { BrokerError } from '../../../../src/base/errors.ts'
import type { Rooms } from '../../../../src/inference/services/services.ts'
import { answerOn } from '../../../../src/server/rest/inference/respond.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { openDoor } from '../../http/open-server.ts'

/** What the caller receives of a stream that fails after its first chunk, and what is logged. */
async function failInMidAnswer(thrown: unknown): Promise<{ heard: string; logged: object[] }> {
  const logged: object[] = []
  // A response without an idempotency key needs only the clock of all services.
  const rooms = { clock: manualClock() } as unknown as Rooms
  await using door = await openDoor({
    logger: { error: (details) => void logged.push(details) },
    routes: (fastify) =>
      fastify.post('/v1/chat/completions', async (_request, reply) => {
        await answerOn(reply, rooms, async (sink) => {
          sink.expect({ model: 'm', streamed: true, object: 'chat.completion.chunk' })
          sink.accept({})
          sink.chunk('{"choices":[]}')
          throw thrown
        })
      }),
  })
  const { path } = door.where as { path: string }
  const heard = await new Promise<string>((resolve, reject) => {
    const asked = httpRequest(
      { socketPath: path, path: '/v1/chat/completions', method: 'POST' },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece))
        response.on('end', () => resolve(text))
      },
    )
    asked.on('error', reject)
    asked.end()
  })
  return { heard, logged }
}

test('a bug after the first chunk is sent as an error event and logged with its stack', async () => {
  const bug = new TypeError('cannot read that')
  const { heard, logged } = await failInMidAnswer(bug)
  expect(heard).toContain('"code":500')
  expect(heard).not.toContain('cannot read that')
  expect(heard).not.toContain('[DONE]')
  expect(logged).toMatchObject([{ route: '/v1/chat/completions', err: bug }])
})

test('a failure that is not a bug is sent to the caller and not logged', async () => {
  const { heard, logged } = await failInMidAnswer(new BrokerError('upstream-failed', 'it broke'))
  expect(heard).toContain('it broke')
  expect(logged).toEqual([])
})

test.each([true, false])(
  'a model name that is not ASCII is percent-encoded in the head (streamed: %s)',
  async (streamed) => {
    const rooms = { clock: manualClock() } as unknown as Rooms
    await using door = await openDoor({
      routes: (fastify) =>
        fastify.post('/v1/chat/completions', async (_request, reply) => {
          await answerOn(reply, rooms, async (sink) => {
            sink.expect({ model: 'm', streamed, object: 'chat.completion.chunk' })
            sink.accept({})
            sink.tried?.(['ollama/模型', 'local/b\ud800'])
            if (!streamed) return sink.answer('{}')
            sink.chunk('{}')
            sink.end()
          })
        }),
    })
    const answer = await door.send('POST /v1/chat/completions HTTP/1.1')
    expect(answer?.status).toBe(200)
    expect(answer?.headers.get('x-aibroker-tried')).toBe('ollama/%E6%A8%A1%E5%9E%8B, local/b%EF%BF%BD')
  },
)
