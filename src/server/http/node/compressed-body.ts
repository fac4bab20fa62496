import { constants, createBrotliDecompress, createGunzip, createZstdDecompress } from 'node:zlib'
import { Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FastifyInstance } from 'fastify'
import { BrokerError } from '../../../base/errors.ts'

/** RFC 9659 limits the window of zstd in HTTP to 8 MB. */
const ZSTD_WINDOW = { params: { [constants.ZSTD_d_windowLogMax]: 23 } }

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  br: createBrotliDecompress,
  zstd: () => createZstdDecompress(ZSTD_WINDOW),
}

/** What a refused client may send (RFC 9110, 12.5.3). */
const ACCEPTED = { 'accept-encoding': 'gzip, br, zstd' }

/**
 * Makes the server read compressed bodies: gzip, br and zstd. The limit of a body holds for what comes out, so that a small body
 * cannot unpack to any size. Requests without `Content-Encoding` are not touched.
 */
export function acceptCompressedBodies(server: FastifyInstance): void {
  server.addHook('preParsing', (request, _reply, payload, done) => {
    const encoding = request.headers['content-encoding']
    if (encoding === undefined) return done(null, payload)
    try {
      const create = decoderOf(encoding)
      const { bodyLimit } = request.routeOptions
      if (create === undefined) done(null, payload)
      else
        done(
          null,
          decoded(payload, create(), { encoding, limit: bodyLimit ?? server.initialConfig.bodyLimit ?? 0 }),
        )
    } catch (error) {
      done(error as BrokerError)
    }
  })
}

/** `undefined` for a body that is as it is. Throws `unsupported-media`. */
function decoderOf(encoding: string): (() => Transform) | undefined {
  const name = encoding.trim().toLowerCase()
  if (name === '' || name === 'identity') return undefined
  if (Object.hasOwn(DECODERS, name)) return DECODERS[name]
  throw new BrokerError(
    'unsupported-media',
    `the content encoding “${encoding.slice(0, 40)}” is not read here; send gzip, br, zstd, or the body as it is`,
    { details: { headers: ACCEPTED } },
  )
}

interface Bounds {
  readonly encoding: string
  readonly limit: number
}

/** The unpacked body, as a stream that fails when it is damaged or too large. */
function decoded(payload: Readable, decoder: Transform, bounds: Bounds): Readable {
  const body = Readable.from(unpack(payload, decoder, bounds), { objectMode: false })
  // Fastify compares this with `Content-Length`.
  let receivedEncodedLength = 0
  payload.on('data', (bytes: Buffer) => (receivedEncodedLength += bytes.length))
  payload.pause()
  return Object.defineProperty(body, 'receivedEncodedLength', { get: () => receivedEncodedLength })
}

async function* unpack(payload: Readable, decoder: Transform, { encoding, limit }: Bounds) {
  let length = 0
  const written = pipeline(payload, decoder).catch((error: unknown) => error)
  try {
    for await (const bytes of decoder as AsyncIterable<Buffer>) {
      length += bytes.length
      if (length > limit)
        throw new BrokerError(
          'too-large',
          `the unpacked body is larger than this route reads (${limit} bytes)`,
        )
      yield bytes
    }
  } catch (cause) {
    if (cause instanceof BrokerError) throw cause
    throw new BrokerError('bad-request', `the body is not complete, valid ${encoding}`, { cause })
  } finally {
    decoder.destroy()
    await written
  }
}
