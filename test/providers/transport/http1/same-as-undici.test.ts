import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseBaseUrl } from '../../../../src/providers/transport/base-url.ts'
import type { Upstream } from '../../../../src/providers/transport/upstream.ts'
import { recordResponse, type RecordedResponse } from '../../../support/received-response.ts'
import { HTTP_CLIENTS, upstreamAt } from '../../../support/http-clients.ts'
import { rawServer, type RawServer } from '../../../support/raw-server.ts'
import { cutBytes, validResponse } from './valid-response.ts'

/** The pieces of the next response; one turn of the event loop lies between two of them. */
let script: readonly Buffer[] = []
let isClosing = false
let server: RawServer
let clients: Upstream[]

beforeAll(async () => {
  server = await rawServer(async (socket) => {
    for (const piece of script) {
      if (socket.destroyed) return
      socket.write(piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
    if (isClosing) socket.end()
  })
  const base = parseBaseUrl(server.baseUrl)
  clients = HTTP_CLIENTS.map((client) => upstreamAt(base, client))
})

afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()))
  await server[Symbol.asyncDispose]()
})

async function responsesTo(pieces: readonly Buffer[], closesAfter: boolean): Promise<RecordedResponse[]> {
  script = pieces
  isClosing = closesAfter
  const responses: RecordedResponse[] = []
  for (const client of clients) responses.push(await recordResponse(client))
  return responses
}

/** undici keeps the blanks behind a value, which are not part of it (RFC 9112, 5.1). */
function trimmed(headers: RecordedResponse['headers']): RecordedResponse['headers'] {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, String(value).replace(/[ \t]+$/, '')]),
  )
}

const cuts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 12 })

/** Pieces of these sizes, then the rest in one piece. */
function cutAt(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  return cutBytes(bytes, [...sizes, bytes.length])
}

describe('both HTTP clients', () => {
  test('read the same from any valid response, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(validResponse(), cuts, async (valid, sizes) => {
        const expected = {
          status: valid.status,
          body: valid.body.toString('latin1'),
          headers: expect.objectContaining(valid.headers) as unknown,
          ending: 'end',
        }
        for (const { status, body, headers, events } of await responsesTo(
          cutAt(valid.bytes, sizes),
          valid.ending === 'close',
        ))
          expect({
            status,
            body: body.toString('latin1'),
            headers: trimmed(headers),
            ending: events.at(-1),
          }).toEqual(expected)
      }),
      { numRuns: 200 },
    )
  })

  test('report a failure when a response is cut short', async () => {
    await fc.assert(
      fc.asyncProperty(validResponse({ endings: ['sized', 'chunked'] }), fc.nat(), async ({ bytes }, at) => {
        for (const { error, events } of await responsesTo([bytes.subarray(0, at % bytes.length)], true)) {
          expect(error?.code).toBe('upstream-failed')
          expect(events.at(-1)).toBe('error')
        }
      }),
      { numRuns: 100 },
    )
  })

  test('report exactly one end for any malformed response, and still work afterwards', async () => {
    const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }), isAdded: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(
        validResponse(),
        fc.array(change, { minLength: 1, maxLength: 4 }),
        cuts,
        async (valid, changes, sizes) => {
          const changed = [...valid.bytes]
          for (const { at, byte, isAdded } of changes)
            changed.splice(at % changed.length, isAdded ? 0 : 1, byte)
          const responses = await responsesTo(cutAt(Buffer.from(changed), sizes), true)
          for (const { events } of responses) {
            expect(events.filter((event) => event === 'end' || event === 'error').length).toBe(1)
            expect(['end', 'error']).toContain(events.at(-1))
          }
        },
      ),
      { numRuns: 200 },
    )
    const whole = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi')
    for (const { body } of await responsesTo([whole], false)) expect(body.toString()).toBe('hi')
  })
})
