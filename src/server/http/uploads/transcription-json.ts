import { createHash } from 'node:crypto'
import { z } from 'zod'
import { BrokerError } from '../../../base/errors.ts'
import type { UploadSpool } from '../../../runtime/upload-spool.ts'
import type { JsonBody } from '../../../wire/json/json-body.ts'
import { fieldError } from '../../../wire/openai/field-error.ts'
import type { FormField } from '../../../wire/openai/media/form-fields.ts'
import type { ReceivedForm } from './read-form.ts'

/** OpenRouter's form of a transcription. */
const form = z.looseObject({
  input_audio: z.looseObject({ data: z.string().min(1), format: z.string().min(1).max(16) }),
})
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/** The same as a form, with the sound decoded onto the disk. Throws `bad-request` naming the field, and what the spool throws. */
export async function readTranscriptionJson(body: JsonBody, spool: UploadSpool): Promise<ReceivedForm> {
  const parsed = form.safeParse(body.value)
  if (!parsed.success) throw fieldError(form, body.value)
  const { input_audio: audio } = parsed.data
  if (!BASE64.test(audio.data))
    throw new BrokerError(
      'bad-request',
      'the field “input_audio.data” should be base64 alone, without “data:” before it',
    )
  const spooled = await spool.create()
  try {
    await spooled.write(Buffer.from(audio.data, 'base64'))
  } catch (error) {
    await spooled.close()
    throw error
  }
  const file = {
    name: `audio.${audio.format.replace(/[^A-Za-z0-9]/g, '')}`,
    contentType: 'application/octet-stream',
    byteLength: spooled.byteLength,
    read: () => spooled.read(),
    readAt: (buffer: Uint8Array, position: number) => spooled.readAt(buffer, position),
  }
  return {
    fields: fieldsOf(body),
    files: [{ name: 'file', file }],
    digest: createHash('sha256').update(body.text).digest('hex'),
    [Symbol.asyncDispose]: () => spooled.close(),
  }
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
