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

/** How the bytes of each encoding begin; brotli has no such mark. */
const MARKS: readonly (readonly [encoding: string, first: number, second: readonly number[]])[] = [
  ['gzip', 0x1f, [0x8b]],
  ['zstd', 0x28, [0xb5]],
  ['deflate', 0x78, [0x01, 0x5e, 0x9c, 0xda]],
]
/** As many bytes are looked at: no brotli is text for so long, save by a chance of one in a million. */
const LOOKED_AT = 16

/**
 * The encoding of a body by its first bytes, since proxies compress without saying so, or decompress and leave the header.
 * A stated encoding that is unknown counts where the bytes are no text; `identity` where there is nothing to decode.
 */
export function encodingOf(first: Uint8Array, stated: string | undefined): string {
  const [a = 0, b] = first
  const marked = MARKS.find(
    ([, mark, seconds]) => a === mark && (b === undefined ? a < 0x20 : seconds.includes(b)),
  )
  if (marked !== undefined) return marked[0]
  if (beginsAsText(first)) return 'identity'
  const name = stated?.trim().toLowerCase() ?? ''
  return name === '' || MARKS.some(([encoding]) => name === encoding) ? 'br' : name
}

/** Whether bytes begin as UTF-8 that people read. A character may be cut off at the end. */
function beginsAsText(bytes: Uint8Array): boolean {
  if (beginsAsAscii(bytes)) return true
  const beginning = utf8.decode(bytes.subarray(0, LOOKED_AT), { stream: true })
  utf8.decode()
  return !UNREADABLE.test(beginning)
}

/** As nearly all bodies do, which then need no decoding. */
function beginsAsAscii(bytes: Uint8Array): boolean {
  const end = Math.min(bytes.length, LOOKED_AT)
  for (let at = 0; at < end; at++) {
    const byte = bytes[at] ?? 0
    if (byte > 0x7e || (byte < 0x20 && byte !== TAB && byte !== LF && byte !== CR)) return false
  }
  return true
}

const [TAB, LF, CR] = [0x09, 0x0a, 0x0d]

const utf8 = new TextDecoder()
/** Control characters that are no white space, and what is no UTF-8. */
const UNREADABLE = /[\u0000-\u0008\u000b\u000e-\u001f\u007f\uFFFD]/

export interface DecodedBodyHandler {
  onData(bytes: Uint8Array): void
  onEnd(): void
  onError(error: BrokerError): void
}

/** The decoder of an encoding that `encodingOf` has named. Throws `upstream-failed` for an unknown one. */
export function createContentDecoder(name: string, handler: DecodedBodyHandler): ContentDecoder {
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
