import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import { sendRequest } from '../../support/open-request.ts'
import { openServer } from './open-server.ts'
import { addInferenceRoute } from '../../../src/server/http/fast-path.ts'
import { bytesOf } from '../../../src/server/http/node/request-types.ts'

const LIMIT = 1024

const routes = (server: FastifyInstance): void => {
  server.post('/echo', (request) => ({ text: String(request.body) }))
  addInferenceRoute(server, '/chat', {
    limit: { acquire: () => () => undefined },
    async handle(request, reply) {
      reply.hijack()
      reply.raw.end(JSON.stringify({ text: Buffer.from(bytesOf(request)).toString() }))
    },
  })
}

async function post(path: string, encoding: string, body: Uint8Array) {
  await using opened = await openServer({ routes, bodyLimit: LIMIT })
  const headers = {
    'content-type': 'application/json',
    'content-encoding': encoding,
    'content-length': String(body.byteLength),
  }
  const { path: socketPath } = opened.where as { path: string }
  const response = await sendRequest({ socketPath, method: 'POST', path, headers, body })
  return { ...response, bugs: opened.bugs }
}

const ENCODERS = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  GZIP: gzipSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
  identity: (text: string) => Buffer.from(text),
}

describe.each(Object.entries(ENCODERS))('a body with the content encoding %s', (encoding, encode) => {
  test.each(['/echo', '/chat'])('is read at %s', async (path) => {
    const text = JSON.stringify({ a: 'ü'.repeat(100) })
    const { status, json } = await post(path, encoding, encode(text))
    expect([status, json]).toEqual([200, { text }])
  })

  test('that unpacks to more than the limit is refused', async () => {
    const bomb = encode('x'.repeat(encoding === 'identity' ? LIMIT + 1 : 50_000_000))
    const { status, bugs } = await post('/chat', encoding, encoding === 'identity' ? bomb : bomb.subarray(0))
    expect([status, bugs]).toEqual([413, []])
  })
})

const UNBOUNDED = { gzip: gzipSync, br: brotliCompressSync, zstd: zstdCompressSync }

test.each(Object.entries(UNBOUNDED))(
  'a small %s body never unpacks beyond the limit',
  async (encoding, encode) => {
    const packed = encode('x'.repeat(LIMIT * 200))
    expect(packed.byteLength).toBeLessThan(LIMIT)
    const { status, json } = await post('/echo', encoding, packed)
    expect(status).toBe(413)
    expect(json).toMatchObject({ error: { message: expect.stringContaining(`${LIMIT} bytes`) } })
  },
)

test.each(Object.entries(UNBOUNDED))(
  'a truncated or damaged %s body is a bad request',
  async (encoding, encode) => {
    const whole = encode(JSON.stringify({ a: 1 }))
    for (const body of [whole.subarray(0, -3), Buffer.from('{"a":1}')]) {
      const { status, json, bugs } = await post('/echo', encoding, body)
      expect([status, bugs]).toEqual([400, []])
      expect(json).toMatchObject({ error: { message: `the body is not complete, valid ${encoding}` } })
    }
  },
)

test.each(['deflate', 'compress', 'gzip, gzip', 'gzip, br', 'constructor'])(
  'the content encoding “%s” gets 415 and the encodings to use',
  async (encoding) => {
    const { status, headers, json } = await post('/echo', encoding, deflateSync('{}'))
    expect([status, headers['accept-encoding']]).toEqual([415, 'gzip, br, zstd'])
    expect(json).toMatchObject({ error: { message: expect.stringContaining(`“${encoding}”`) } })
  },
)
