import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { z } from 'zod'
import { BrokerError } from '../../../base/errors.ts'
import type { UploadSpool } from '../../../runtime/upload-spool.ts'
import type { JsonBody } from '../../../wire/json/json-body.ts'
import { fieldError } from '../../../wire/openai/field-error.ts'
import type { FormField } from '../../../wire/openai/media/form-fields.ts'
import type { UploadedFile } from '../../../wire/openai/media/uploaded-file.ts'
import type { ReceivedForm } from './read-form.ts'

/** OpenRouter's form of a transcription. */
const form = z.looseObject({
  input_audio: z.looseObject({ data: z.string().min(1), format: z.string().min(1).max(16) }),
})
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/** A transcription that came as JSON: its sound, decoded, and all else as the fields of a form. */
interface TranscriptionJson {
  /** With the extension that providers take the format from. */
  readonly fileName: string
  readonly sound: Buffer
  readonly fields: readonly FormField[]
}

/** Decodes the sound of a transcription in JSON. Throws `bad-request` naming the field. */
function parseTranscriptionJson(body: JsonBody): TranscriptionJson {
  const parsed = form.safeParse(body.value)
  if (!parsed.success) throw fieldError(form, body.value)
  const { input_audio: audio } = parsed.data
  if (!BASE64.test(audio.data))
    throw new BrokerError(
      'bad-request',
      'the field “input_audio.data” should be base64 alone, without “data:” before it',
    )
  return {
    fileName: `audio.${audio.format.replace(/[^A-Za-z0-9]/g, '')}`,
    sound: Buffer.from(audio.data, 'base64'),
    fields: fieldsOf(body),
  }
}

/** The same as a form, with the sound decoded onto the disk. Throws `bad-request` naming the field, and what the spool throws. */
export async function readTranscriptionJson(body: JsonBody, spool: UploadSpool): Promise<ReceivedForm> {
  const { fileName, sound, fields } = parseTranscriptionJson(body)
  const spooled = await spool.create()
  try {
    await spooled.write(sound)
  } catch (error) {
    await spooled.close()
    throw error
  }
  const file = {
    name: fileName,
    contentType: 'application/octet-stream',
    byteLength: spooled.byteLength,
    read: () => spooled.read(),
    readAt: (buffer: Uint8Array, position: number) => spooled.readAt(buffer, position),
  }
  return {
    fields,
    files: [{ name: 'file', file }],
    digest: createHash('sha256').update(body.text).digest('hex'),
    [Symbol.asyncDispose]: () => spooled.close(),
  }
}

/** The same without a disk, for requests whose sound is only measured. Throws `bad-request` naming the field. */
export function transcriptionInMemory(body: JsonBody): {
  readonly fields: readonly FormField[]
  readonly file: UploadedFile
} {
  const { fileName, sound, fields } = parseTranscriptionJson(body)
  const file: UploadedFile = {
    name: fileName,
    contentType: 'application/octet-stream',
    byteLength: sound.byteLength,
    read: () => Readable.from([sound]),
    readAt: (buffer, position) =>
      Promise.resolve(position >= sound.byteLength ? 0 : sound.copy(buffer, 0, position)),
  }
  return { fields, file }
}

/** Lists become repeated fields with `[]`; everything else that is no text becomes JSON. */
function fieldsOf({ value }: JsonBody): readonly FormField[] {
  return Object.entries(value).flatMap(([name, each]): readonly FormField[] => {
    if (name === 'input_audio' || each === null) return []
    if (Array.isArray(each)) return each.map((item): FormField => [`${name}[]`, textOf(item)])
    return [[name, textOf(each)]]
  })
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
