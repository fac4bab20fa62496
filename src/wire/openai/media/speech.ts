import { z } from 'zod'
import type { JsonBody } from '../../json/json-body.ts'
import { fieldError } from '../field-error.ts'
import { parseRoutingPreferences, type RoutingPreferences } from '../routing/routing-preferences.ts'

const form = z.looseObject({
  input: z.string().min(1),
  voice: z.union([z.string(), z.looseObject({ id: z.string() })]).nullish(),
  instructions: z.string().nullish(),
  response_format: z.enum(['mp3', 'opus', 'aac', 'flac', 'wav', 'pcm', 'ogg', 'mulaw']).nullish(),
  speed: z.number().min(0.25).max(4).nullish(),
  stream_format: z.enum(['audio', 'sse']).nullish(),
})

/** A text to be spoken: the fields that we interpret, and the complete body. */
export interface SpeechRequest {
  readonly body: JsonBody
  readonly routing: RoutingPreferences
  readonly input: string
  readonly instructions: string
  readonly format: string
  /** Sound as server-sent events, of which the last reports the usage. */
  readonly asEvents: boolean
}

/** Reads a speech request. Throws `bad-request` naming the field. */
export function parseSpeechRequest(body: JsonBody): SpeechRequest {
  const parsed = form.safeParse(body.value)
  if (!parsed.success) throw fieldError(form, body.value)
  const { input, instructions, response_format: format, stream_format } = parsed.data
  const { routing } = { routing: parseRoutingPreferences(body, undefined) }
  return {
    body,
    routing: { ...routing, needs: { ...routing.needs, parameters: [] } },
    input,
    instructions: instructions ?? '',
    format: format ?? 'mp3',
    asEvents: stream_format === 'sse',
  }
}
