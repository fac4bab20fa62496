import type { IncomingMessage } from 'node:http'
import { createHash } from 'node:crypto'
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy'
import { BrokerError, asBrokerError } from '../../../base/errors.ts'
import { truncate } from '../../../base/text.ts'
import type { SpooledFile, UploadSpool } from '../../../runtime/upload-spool.ts'
import type { FormField } from '../../../wire/openai/media/form-fields.ts'
import type { UploadedFile } from '../../../wire/openai/media/uploaded-file.ts'
import type { HttpRequest } from '../node/request-types.ts'

/** A form that was received as a whole, with its files on disk until it is closed. */
export interface ReceivedForm extends AsyncDisposable {
  readonly fields: readonly FormField[]
  readonly files: readonly { readonly name: string; readonly file: UploadedFile }[]
  /** The same for the same content, whatever the boundaries are. Only known where it is needed. */
  readonly digest: string
}

/** More than any documented form has. */
const MAX_PARTS = 64
const MAX_FILES = 17
const MAX_NAME_BYTES = 256
/** Voices of known speakers come as data URLs. */
const MAX_FIELD_BYTES = 4 * 1024 * 1024
const MAX_FIELDS_BYTES = 16 * 1024 * 1024
const MAX_HEADER_BYTES = 8 * 1024
/** Of a refused form, so many bytes are discarded before the error is sent: most clients read it only once they have written all. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024

/** Reads a form, its files onto the disk. Throws `bad-request`, `too-large`, `overloaded`; nothing stays behind then. */
export async function readForm(request: HttpRequest, spool: UploadSpool): Promise<ReceivedForm> {
  const length = Number(request.headers['content-length'] ?? 0)
  if (length > spool.maxFileBytes + MAX_FIELDS_BYTES) {
    await discardRest(request.raw)
    throw tooLarge(`the form is larger than this broker accepts (${spool.maxFileBytes} bytes)`)
  }
  const reader = new FormReader(request, spool)
  await reader.read()
  return reader
}

class FormReader implements ReceivedForm {
  readonly fields: FormField[] = []
  readonly files: { readonly name: string; readonly file: UploadedFile }[] = []
  readonly #spooled: SpooledFile[] = []
  readonly #request: HttpRequest
  readonly #spool: UploadSpool
  readonly #hash = createHash('sha256')
  readonly #isHashed: boolean
  readonly #outcome = Promise.withResolvers<void>()
  readonly #writes: Promise<void>[] = []
  /** The files that the parser hands out: it leaves them open when it is destroyed. */
  readonly #streams: BusboyFileStream[] = []
  #fieldBytes = 0
  #receivedBytes = 0
  #isOver = false
  #digest = ''

  constructor(request: HttpRequest, spool: UploadSpool) {
    this.#request = request
    this.#spool = spool
    this.#isHashed = request.headers['idempotency-key'] !== undefined
  }

  get digest(): string {
    return this.#digest
  }

  async read(): Promise<void> {
    const { raw } = this.#request
    const parser = this.#createParser()
    const onClose = (): void => {
      if (!raw.complete)
        this.#fail(new BrokerError('bad-request', 'the connection closed before the whole form arrived'))
    }
    const onData = (piece: Uint8Array): void => this.#onBytes(piece.length)
    raw.once('close', onClose).on('data', onData)
    raw.pipe(parser)
    try {
      await this.#outcome.promise
      await Promise.all(this.#writes)
      for (const field of this.fields) this.#hash.update(JSON.stringify(field))
      this.#digest = this.#hash.digest('hex')
    } catch (error) {
      raw.unpipe(parser)
      parser.on('error', () => undefined).destroy()
      for (const stream of this.#streams) stream.on('error', () => undefined).destroy()
      const rest = discardRest(raw)
      await Promise.allSettled(this.#writes)
      // At once, so that the space is free for the forms beside this one.
      await this[Symbol.asyncDispose]()
      await rest
      throw error
    } finally {
      this.#isOver = true
      raw.off('close', onClose).off('data', onData)
    }
  }

  #createParser(): BusboyInstance {
    const parser = createBusboy(this.#request)
    parser.on('field', (name, value, isNameCut, isValueCut) =>
      this.#onField(name, value, isNameCut, isValueCut),
    )
    parser.on('file', (name, stream, filename, _encoding, type) => {
      this.#streams.push(stream.on('error', (cause) => this.#fail(malformed(cause))))
      const write = this.#onFile(name, stream, { filename, type })
      write.catch((error: unknown) => {
        this.#fail(asBrokerError(error))
      })
      this.#writes.push(write)
    })
    const tooMany = (): void =>
      this.#fail(new BrokerError('bad-request', `the form has more than ${MAX_PARTS} parts`))
    parser.on('partsLimit', tooMany).on('filesLimit', tooMany).on('fieldsLimit', tooMany)
    parser.on('error', (cause: unknown) => this.#fail(malformed(cause)))
    parser.on('finish', () => this.#outcome.resolve())
    return parser
  }

  /** The parser itself bounds each field, and goes on discarding what is beyond. */
  #onBytes(length: number): void {
    this.#receivedBytes += length
    const inFiles = this.#spooled.reduce((sum, { byteLength }) => sum + byteLength, 0)
    if (this.#receivedBytes - inFiles > MAX_FIELDS_BYTES)
      this.#fail(tooLarge(`the fields of the form are larger than ${MAX_FIELDS_BYTES} bytes`))
  }

  #fail(error: BrokerError): void {
    this.#outcome.reject(error)
  }

  #onField(name: unknown, value: string, isNameCut: boolean, isValueCut: boolean): void {
    if (this.#isOver) return
    try {
      checkName(name, isNameCut)
    } catch (error) {
      return this.#fail(asBrokerError(error))
    }
    this.#fieldBytes += value.length
    if (isValueCut || this.#fieldBytes > MAX_FIELDS_BYTES)
      return this.#fail(tooLarge(`the field “${truncate(name)}” is larger than ${MAX_FIELD_BYTES} bytes`))
    this.fields.push([name, value])
    return undefined
  }

  async #onFile(
    name: unknown,
    stream: BusboyFileStream,
    { filename, type }: { readonly filename: unknown; readonly type: string },
  ): Promise<void> {
    checkName(name, false)
    const spooled = await this.#spool.create()
    this.#spooled.push(spooled)
    if (this.#isHashed) this.#hash.update(`${name}\n`)
    for await (const piece of stream as AsyncIterable<Uint8Array>) {
      if (this.#isHashed) this.#hash.update(piece)
      await spooled.write(piece)
    }
    const given = typeof filename === 'string' && filename !== '' ? filename : 'file'
    this.files.push({
      name,
      file: {
        name: given.slice(-MAX_NAME_BYTES),
        contentType: type,
        byteLength: spooled.byteLength,
        read: () => spooled.read(),
        readAt: (buffer, position) => spooled.readAt(buffer, position),
      },
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#spooled.map((file) => file.close()))
  }
}

function createBusboy({ headers }: HttpRequest): BusboyInstance {
  const limits = {
    fieldNameSize: MAX_NAME_BYTES,
    fieldSize: MAX_FIELD_BYTES,
    fields: MAX_PARTS,
    files: MAX_FILES,
    parts: MAX_PARTS,
    headerPairs: 32,
    headerSize: MAX_HEADER_BYTES,
  }
  try {
    return new Busboy({
      headers: { ...headers, 'content-type': headers['content-type'] ?? '' },
      limits,
      isPartAFile: (_name, _type, filename) => filename !== undefined,
    })
  } catch (cause) {
    throw malformed(cause)
  }
}

function checkName(name: unknown, isCut: boolean): asserts name is string {
  if (typeof name !== 'string' || name === '')
    throw new BrokerError(
      'bad-request',
      `a part of the form has no name, or one of more than ${MAX_NAME_BYTES} bytes`,
    )
  if (isCut || Buffer.byteLength(name) > MAX_NAME_BYTES)
    throw new BrokerError(
      'bad-request',
      `the name of a field of the form is longer than ${MAX_NAME_BYTES} bytes`,
    )
}

function malformed(cause: unknown): BrokerError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new BrokerError('bad-request', `the body is not a well-formed multipart form: ${truncate(reason)}`)
}

function tooLarge(message: string): BrokerError {
  return new BrokerError('too-large', message)
}

/**
 * Resolves when the rest of a request was read and discarded, or there is too much of it. Then the error is sent while more is
 * discarded, and a client that still does not stop loses its connection.
 */
function discardRest(raw: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    if (raw.complete || raw.destroyed) return resolve()
    let left = MAX_DISCARDED_BYTES
    raw.on('data', (piece: Uint8Array) => {
      left -= piece.length
      if (left < 0) resolve()
      if (left < -MAX_DISCARDED_BYTES) raw.destroy()
    })
    raw.once('end', resolve).once('close', resolve).resume()
  })
}
