import { createBrotliDecompress, createUnzip, createZstdDecompress } from 'node:zlib'
import type { Transform } from 'node:stream'
import { BrokerError } from '../../base/errors.ts'
import type { AnswerReader } from './body-reader.ts'

/** Reads what comes compressed although `identity` was asked for, as some proxies in front of providers send it. */
export interface Decoding extends AnswerReader {
  pause(): void
  resume(): void
  /** Nothing more is wanted. */
  destroy(): void
}

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createUnzip,
  'x-gzip': createUnzip,
  deflate: createUnzip,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
}

export interface DecodingListener extends AnswerReader {
  fail(error: BrokerError): void
}

/** `undefined` when there is nothing to decode. Throws `upstream-failed` for an encoding that nobody asked for or knows. */
export function decodingFor(encoding: string, listener: DecodingListener): Decoding | undefined {
  const name = encoding.trim().toLowerCase()
  if (name === '' || name === 'identity') return undefined
  const create = Object.hasOwn(DECODERS, name) ? DECODERS[name] : undefined
  if (create === undefined)
    throw new BrokerError(
      'upstream-failed',
      `the provider's answer is encoded as “${name.slice(0, 40)}”, which is unknown here`,
    )
  const decoder = create()
  decoder.on('data', (bytes: Buffer) => listener.data(bytes))
  decoder.on('end', () => listener.end())
  decoder.on('error', (cause) =>
    listener.fail(
      new BrokerError('upstream-failed', `the provider's ${name} is broken: ${cause.message}`, { cause }),
    ),
  )
  return {
    // The upstream reads its next bytes into the same buffer.
    data: (bytes) => void decoder.write(Buffer.from(bytes)),
    end: () => void decoder.end(),
    pause: () => void decoder.pause(),
    resume: () => void decoder.resume(),
    destroy: () => void decoder.destroy(),
  }
}
