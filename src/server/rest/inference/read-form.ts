import { createHash } from 'node:crypto'
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy'
import { BrokerError, asBrokerError, withDetails } from '../../../base/errors.ts'
import { truncate } from '../../../base/text.ts'
import type { SpooledFile, UploadSpool } from '../../../runtime/upload-spool.ts'
import type { FormField } from '../../../wire/openai/media/transcription.ts'
import type { UploadedFile } from '../../../wire/openai/media/uploaded-file.ts'
import type { HttpRequest } from '../../http/node/request-types.ts'

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

/** Reads a form, its files onto the disk. Throws `bad-request`, `too-large`, `overloaded`; nothing stays behind then. */
export async function readForm(request: HttpRequest, spool: UploadSpool): Promise<ReceivedForm> {
  const length = Number(request.headers['content-length'] ?? 0)
  if (length > spool.maxFileBytes + MAX_FIELDS_BYTES)
    throw lastWord('too-large', `the form is larger than this broker accepts (${spool.maxFileBytes} bytes)`)
  const reader = new FormReader(request, spool)
  try {
    await reader.read()
  } catch (error) {
    await reader[Symbol.asyncDispose]()
    throw error
  }
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
  #fieldBytes = 0
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
    raw.once('close', onClose)
    raw.pipe(parser)
    try {
      await this.#outcome.promise
      await Promise.all(this.#writes)
      for (const field of this.fields) this.#hash.update(JSON.stringify(field))
      this.#digest = this.#hash.digest('hex')
    } catch (error) {
      raw.unpipe(parser)
      parser.on('error', () => undefined).destroy()
      // What still comes is discarded until the connection is closed behind the error.
      raw.resume()
      await Promise.allSettled(this.#writes)
      throw withDetails(asBrokerError(error), { headers: { connection: 'close' } })
    } finally {
      this.#isOver = true
      raw.off('close', onClose)
    }
  }

  #createParser(): BusboyInstance {
    const parser = createBusboy(this.#request)
    parser.on('field', (name, value, isNameCut, isValueCut) =>
      this.#onField(name, value, isNameCut, isValueCut),
    )
    parser.on('file', (name, stream, filename, _encoding, type) => {
      const write = this.#onFile(name, stream, { filename, type })
      write.catch((error: unknown) => {
        stream.resume()
        this.#fail(asBrokerError(error))
      })
      this.#writes.push(write)
    })
    const tooMany = (): void =>
      this.#fail(lastWord('bad-request', `the form has more than ${MAX_PARTS} parts`))
    parser.on('partsLimit', tooMany).on('filesLimit', tooMany).on('fieldsLimit', tooMany)
    parser.on('error', (cause: unknown) => this.#fail(malformed(cause)))
    parser.on('finish', () => this.#outcome.resolve())
    return parser
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
      return this.#fail(
        lastWord('too-large', `the field “${truncate(name)}” is larger than ${MAX_FIELD_BYTES} bytes`),
      )
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
    throw lastWord(
      'bad-request',
      `a part of the form has no name, or one of more than ${MAX_NAME_BYTES} bytes`,
    )
  if (isCut || Buffer.byteLength(name) > MAX_NAME_BYTES)
    throw lastWord('bad-request', `the name of a field of the form is longer than ${MAX_NAME_BYTES} bytes`)
}

function malformed(cause: unknown): BrokerError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return lastWord('bad-request', `the body is not a well-formed multipart form: ${truncate(reason)}`)
}

/** An error after which the rest of the request is not read: the connection ends behind it. */
function lastWord(code: 'bad-request' | 'too-large', message: string): BrokerError {
  return new BrokerError(code, message, { details: { headers: { connection: 'close' } } })
}
