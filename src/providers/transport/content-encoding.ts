import { createBrotliDecompress, createUnzip, createZstdDecompress } from 'node:zlib'
import type { Transform } from 'node:stream'
import { BrokerError } from '../../base/errors.ts'
import type { BodyConsumer } from './body-reader.ts'

/** Decodes a body that comes compressed although `identity` was requested, as some proxies before providers do. */
export interface ContentDecoder extends BodyConsumer {
  pause(): void
  resume(): void
  /** Stops: no more output comes. */
  destroy(): void
}

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createUnzip,
  'x-gzip': createUnzip,
  deflate: createUnzip,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
}

export interface DecodedBodyHandler {
  onData(bytes: Uint8Array): void
  onEnd(): void
  onError(error: BrokerError): void
}

/** The decoder of `encoding`; `undefined` when there is nothing to decode. Throws `upstream-failed` for an unknown encoding. */
export function createContentDecoder(
  encoding: string,
  handler: DecodedBodyHandler,
): ContentDecoder | undefined {
  const name = encoding.trim().toLowerCase()
  if (name === '' || name === 'identity') return undefined
  const create = Object.hasOwn(DECODERS, name) ? DECODERS[name] : undefined
  if (create === undefined)
    throw new BrokerError(
      'upstream-failed',
      `the provider's response has the unknown content encoding “${name.slice(0, 40)}”`,
    )
  const decoder = create()
  decoder.on('data', (bytes: Buffer) => handler.onData(bytes))
  decoder.on('end', () => handler.onEnd())
  decoder.on('error', (cause) =>
    handler.onError(
      new BrokerError(
        'upstream-failed',
        `the provider's ${name} response can't be decoded: ${cause.message}`,
        { cause },
      ),
    ),
  )
  return {
    // Copied, because the upstream reads its next bytes into the same buffer.
    data: (bytes) => void decoder.write(Buffer.from(bytes)),
    end: () => void decoder.end(),
    pause: () => void decoder.pause(),
    resume: () => void decoder.resume(),
    destroy: () => void decoder.destroy(),
  }
}
