import { mkdirSync, rmSync } from 'node:fs'
import { open, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { BrokerError } from '../base/errors.ts'
import { createYoungCollector } from './v8-tuning.ts'

export interface UploadSpoolOptions {
  /** Belongs to the spool alone: what an earlier process left in it is removed. */
  readonly folder: string
  /** Maximum bytes of one file. */
  readonly maxFileBytes: number
  /** Maximum bytes of all files together. */
  readonly maxTotalBytes: number
}

/** Keeps the files of requests on disk while the requests run, within a bound. */
export interface UploadSpool {
  readonly maxFileBytes: number
  /** Bytes that are spooled now. */
  readonly usedBytes: number
  create(): Promise<SpooledFile>
}

const READ_BYTES = 64 * 1024
/** So much is received before its buffers are freed. */
const COLLECT_BYTES = 8 * 1024 * 1024

export function createUploadSpool({ folder, ...limits }: UploadSpoolOptions): UploadSpool {
  const space = new Space(limits)
  let count = 0
  let isClean = false
  return {
    maxFileBytes: limits.maxFileBytes,
    get usedBytes() {
      return space.usedBytes
    },
    async create() {
      if (!isClean) {
        rmSync(folder, { recursive: true, force: true })
        mkdirSync(folder, { recursive: true, mode: 0o700 })
        isClean = true
      }
      const path = join(folder, String(count++))
      const file = await open(path, 'wx+', 0o600)
      // Without a name the system removes it as soon as it is closed, however the process ends.
      await unlink(path)
      return new SpooledFile(file, space)
    },
  }
}

type SpaceLimits = Pick<UploadSpoolOptions, 'maxFileBytes' | 'maxTotalBytes'>

/** What all files together take. */
class Space {
  usedBytes = 0
  readonly #limits: SpaceLimits
  #uncollectedBytes = 0
  #collect: (() => void) | undefined

  constructor(limits: SpaceLimits) {
    this.#limits = limits
  }

  /** Throws `too-large` or `overloaded`. */
  take(bytes: number, fileBytes: number): void {
    const { maxFileBytes, maxTotalBytes } = this.#limits
    if (fileBytes + bytes > maxFileBytes)
      throw new BrokerError(
        'too-large',
        `the file is larger than this broker accepts (${maxFileBytes} bytes)`,
      )
    if (this.usedBytes + bytes > maxTotalBytes)
      throw new BrokerError(
        'overloaded',
        `the uploads of all requests together are at their maximum (${maxTotalBytes} bytes); try again soon`,
        { details: { retryAfter: 2 } },
      )
    this.usedBytes += bytes
    this.#uncollectedBytes += bytes
    if (this.#uncollectedBytes < COLLECT_BYTES) return
    this.#uncollectedBytes = 0
    this.#collect ??= createYoungCollector()
    this.#collect()
  }
}

/** A file of the spool: written once from its beginning, then read as often as needed. */
export class SpooledFile {
  readonly #file: FileHandle
  readonly #space: Space
  #byteLength = 0
  #isClosed = false

  constructor(file: FileHandle, space: Space) {
    this.#file = file
    this.#space = space
  }

  get byteLength(): number {
    return this.#byteLength
  }

  /** Throws `too-large`, `overloaded`, and `store-full` when the disk is full. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#space.take(bytes.length, this.#byteLength)
    const at = this.#byteLength
    this.#byteLength += bytes.length
    try {
      for (let written = 0; written < bytes.length;)
        written += (await this.#file.write(bytes, written, bytes.length - written, at + written)).bytesWritten
    } catch (cause) {
      throw new BrokerError('store-full', `the upload can’t be kept on disk: ${String(cause)}`, { cause })
    }
  }

  async *read(): AsyncGenerator<Uint8Array, void, void> {
    const buffer = new Uint8Array(Math.min(READ_BYTES, Math.max(1, this.#byteLength)))
    for (let at = 0; at < this.#byteLength;) {
      const length = await this.readAt(buffer, at)
      if (length === 0) return
      at += length
      yield buffer.subarray(0, length)
    }
  }

  async readAt(buffer: Uint8Array, position: number): Promise<number> {
    if (this.#isClosed) return 0
    const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, position)
    return bytesRead
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#space.usedBytes -= this.#byteLength
    await this.#file.close()
  }
}
