import { z } from 'zod'
import { BrokerError } from '../../../base/errors.ts'
import { jsonBodyOf, type JsonBody } from '../../json/json-body.ts'
import { spliceFields } from '../../json/splice-fields.ts'
import { fieldError } from '../field-error.ts'
import { parseRoutingPreferences, type RoutingPreferences } from '../routing/routing-preferences.ts'
import { routingBodyOf, type FormField } from './form-fields.ts'
import type { UploadedFile } from './uploaded-file.ts'

const form = z.looseObject({
  prompt: z.string().min(1).max(32_000),
  n: z.int().min(1).max(10).nullish(),
  size: z.string().max(32).nullish(),
  quality: z.string().max(32).nullish(),
  stream: z.boolean().nullish(),
  partial_images: z.int().min(0).max(3).nullish(),
  response_format: z.string().nullish(),
})
const formOfEdit = form.extend({ prompt: z.string().max(32_000).nullish() })

/** Images to be made, or changed where there are files. */
export interface ImageRequest {
  readonly body: JsonBody
  readonly routing: RoutingPreferences
  readonly operation: 'generations' | 'edits' | 'variations'
  readonly n: number
  readonly size: string | undefined
  readonly quality: string | undefined
  readonly stream: boolean
  readonly partialImages: number
  /** Of an edit or a variation. */
  readonly fields: readonly FormField[]
  readonly files: readonly { readonly name: string; readonly file: UploadedFile }[]
}

/** Reads a request for new images. Throws `bad-request` naming the field. */
export function parseImageRequest(received: JsonBody): ImageRequest {
  const parsed = form.safeParse(received.value)
  if (!parsed.success) throw fieldError(form, received.value)
  refuseAddresses(parsed.data.response_format)
  // Models of today give base64 and refuse the field.
  const body = received.fields.has('response_format')
    ? jsonBodyOf(spliceFields(received, new Map([['response_format', undefined]])))
    : received
  return { ...wishesOf(parsed.data), ...routed(body), operation: 'generations', fields: [], files: [] }
}

/** Reads the form of an edit or a variation. Throws `bad-request` naming the field. */
export function parseImageForm(
  fields: readonly FormField[],
  files: ImageRequest['files'],
  operation: 'edits' | 'variations',
): ImageRequest {
  const values = Object.fromEntries(fields.map(([name, value]) => [name, valueOf(name, value)]))
  const parsed = formOfEdit.safeParse(values)
  if (!parsed.success) throw fieldError(formOfEdit, values)
  refuseAddresses(parsed.data.response_format)
  if (operation === 'edits' && (parsed.data.prompt ?? '') === '')
    throw new BrokerError('bad-request', 'the field “prompt” is missing: say what to change')
  checkFiles(files)
  const passed = fields.filter(([name]) => !OURS.has(name))
  return { ...wishesOf(parsed.data), ...routed(routingBodyOf(fields)), operation, fields: passed, files }
}

const OURS: ReadonlySet<string> = new Set([
  'model',
  'models',
  'models[]',
  'provider',
  'route',
  'response_format',
])
const NUMBERS: ReadonlySet<string> = new Set(['n', 'partial_images'])
const FILE_NAMES: ReadonlySet<string> = new Set(['image', 'image[]', 'mask'])
const MAX_IMAGES = 16

function valueOf(name: string, value: string): unknown {
  if (NUMBERS.has(name)) return Number(value)
  return name === 'stream' ? /^true$/i.test(value) : value
}

function checkFiles(files: ImageRequest['files']): void {
  const other = files.find(({ name }) => !FILE_NAMES.has(name))
  if (other !== undefined)
    throw new BrokerError(
      'bad-request',
      `the file “${other.name}” is not known here; send “image”, “image[]” and “mask”`,
    )
  const images = files.filter(({ name }) => name !== 'mask').length
  if (images === 0 || images > MAX_IMAGES)
    throw new BrokerError(
      'bad-request',
      `the form has ${images} images, should have 1 to ${MAX_IMAGES} as “image” or “image[]”`,
    )
}

/** No address of an image is made up here, and no image is kept to be fetched. */
function refuseAddresses(format: string | null | undefined): void {
  if (format === 'url')
    throw new BrokerError(
      'bad-request',
      'the field “response_format” is “url”: images come as base64, so send “b64_json” or nothing',
    )
}

function wishesOf({ n, size, quality, stream, partial_images: partial }: z.infer<typeof formOfEdit>) {
  return {
    n: n ?? 1,
    size: size ?? undefined,
    quality: quality ?? undefined,
    stream: stream ?? false,
    partialImages: partial ?? 0,
  }
}

function routed(body: JsonBody): Pick<ImageRequest, 'body' | 'routing'> {
  return { body, routing: parseRoutingPreferences(body, undefined) }
}
