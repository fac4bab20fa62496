import { BrokerError } from '../../../base/errors.ts'
import { truncate } from '../../../base/text.ts'
import type { JsonBody } from '../../json/json-body.ts'
import { parseRoutingPreferences, type RoutingPreferences } from '../routing/routing-preferences.ts'
import { ROUTING_FIELDS, routingBodyOf, type FormField } from './form-fields.ts'
import type { UploadedFile } from './uploaded-file.ts'

export const TRANSCRIPT_FORMATS = ['json', 'text', 'srt', 'vtt', 'verbose_json', 'diarized_json'] as const
export type TranscriptFormat = (typeof TRANSCRIPT_FORMATS)[number]

/** Sound to be written down: the fields that we interpret, and all others as they came. */
export interface TranscriptionRequest {
  /** The fields that routing reads. */
  readonly body: JsonBody
  readonly routing: RoutingPreferences
  readonly fields: readonly FormField[]
  readonly file: UploadedFile
  readonly format: TranscriptFormat
  readonly stream: boolean
  /** Into English. */
  readonly translates: boolean
}

/** Addresses that a provider would fetch in our name. */
const ADDRESS_FIELDS = ['url']

/** Reads the fields of a form. Throws `bad-request` naming the field. */
export function parseTranscriptionForm(
  fields: readonly FormField[],
  file: UploadedFile,
  translates = false,
): TranscriptionRequest {
  const valueOf = (name: string): string | undefined => fields.findLast(([other]) => other === name)?.[1]
  const address = ADDRESS_FIELDS.find((name) => valueOf(name) !== undefined)
  if (address !== undefined) throw fieldProblem(address, 'is not taken here: send the sound itself as “file”')
  if (file.byteLength === 0) throw fieldProblem('file', 'is empty')
  checkTemperature(valueOf('temperature'))
  const body = routingBodyOf(fields)
  return {
    body,
    routing: parseRoutingPreferences(body, undefined),
    fields: fields.filter(([name]) => !IS_OURS.has(name)),
    file,
    format: formatOf(valueOf('response_format'), translates),
    stream: streamOf(valueOf('stream')),
    translates,
  }
}

/** What is set for each provider anew. */
const IS_OURS: ReadonlySet<string> = new Set([...ROUTING_FIELDS, 'response_format', 'stream'])

function formatOf(value: string | undefined, translates: boolean): TranscriptFormat {
  if (value === undefined || value === '') return 'json'
  const known = TRANSCRIPT_FORMATS.find((format) => format === value)
  if (known === undefined || (translates && known === 'diarized_json'))
    throw fieldProblem(
      'response_format',
      `is “${truncate(value)}”, should be one of ${TRANSCRIPT_FORMATS.join(', ')}`,
    )
  return known
}

function streamOf(value: string | undefined): boolean {
  if (value === undefined || value === '' || /^false$/i.test(value)) return false
  if (/^true$/i.test(value)) return true
  throw fieldProblem('stream', `is “${truncate(value)}”, should be true or false`)
}

function checkTemperature(value: string | undefined): void {
  if (value === undefined || value === '') return
  const temperature = Number(value)
  if (!(temperature >= 0 && temperature <= 1))
    throw fieldProblem('temperature', `is “${truncate(value)}”, should be a number from 0 to 1`)
}

function fieldProblem(name: string, words: string): BrokerError {
  return new BrokerError('bad-request', `the field “${name}” ${words}`)
}
