import { z } from 'zod'
import { jsonBodyOf, type JsonBody } from '../../json/json-body.ts'
import { spliceFields } from '../../json/splice-fields.ts'
import { fieldError } from '../field-error.ts'
import { parseRoutingPreferences, type RoutingPreferences } from '../routing/routing-preferences.ts'

const form = z.looseObject({
  input: z.union(
    [z.string(), z.array(z.string()).min(1), z.array(z.looseObject({ type: z.string() })).min(1)],
    'should be a text, a list of texts, or a list of parts with a type',
  ),
})

/** OpenAI's model where the caller names none. */
const DEFAULT_MODEL = 'omni-moderation-latest'

/** Texts and pictures to be classified. */
export interface ModerationRequest {
  readonly body: JsonBody
  readonly routing: RoutingPreferences
}

/** Reads a moderation request. Throws `bad-request` naming the field. */
export function parseModerationRequest(received: JsonBody): ModerationRequest {
  if (!form.safeParse(received.value).success) throw fieldError(form, received.value)
  const body =
    (received.value['model'] ?? undefined) === undefined
      ? jsonBodyOf(spliceFields(received, new Map([['model', JSON.stringify(DEFAULT_MODEL)]])))
      : received
  return { body, routing: parseRoutingPreferences(body, undefined) }
}
