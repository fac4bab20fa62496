import { z } from 'zod'
import { fieldError } from './field-error.ts'
import { jsonBodyOf, type JsonBody } from '../json/json-body.ts'
import { spliceFields } from '../json/splice-fields.ts'
import { COMPRESSION, readPlugins, type RequestedPlugins } from './routing/plugins.ts'
import { parseRoutingPreferences, type RoutingPreferences } from './routing/routing-preferences.ts'

const form = z.looseObject({
  prompt: z.string('should be one text, not a list'),
  stream: z.boolean().nullish(),
  max_tokens: z.int().min(0).nullish(),
  suffix: z.string().nullish(),
  echo: z.boolean().nullish(),
  best_of: z.int().nullish(),
  n: z.int().min(1).max(128).nullish(),
})

/** A text completion: the fields that we interpret, and the body in both forms that can be sent upstream. */
export interface CompletionRequest {
  readonly body: JsonBody
  /** The body as a chat of one message, for providers that offer only chat. */
  readonly chatBody: JsonBody
  readonly routing: RoutingPreferences
  readonly stream: boolean
  readonly maxTokens: number | undefined
  readonly n: number
  readonly plugins: RequestedPlugins
}

/** Reads a completion request. Throws `bad-request` naming the field. */
export function parseCompletionRequest(body: JsonBody): CompletionRequest {
  const parsed = form.safeParse(body.value)
  if (!parsed.success) throw fieldError(form, body.value)
  const { prompt, stream, max_tokens, n } = parsed.data
  const plugins = readPlugins(body)
  const routing = parseRoutingPreferences(body, max_tokens ?? undefined, [COMPRESSION])
  const chatOnly = [...routing.needs.routerOnly, ...beyondChat(parsed.data)]
  return {
    body,
    chatBody: asChat(body, prompt),
    routing: { ...routing, needs: { ...routing.needs, routerOnly: chatOnly } },
    stream: stream ?? false,
    maxTokens: max_tokens ?? undefined,
    n: n ?? 1,
    plugins,
  }
}

/** Fields of the request that have no equivalent in a chat. */
function beyondChat({ suffix, echo, best_of }: z.infer<typeof form>): string[] {
  return [
    ...(typeof suffix === 'string' && suffix !== '' ? ['“suffix”'] : []),
    ...(echo === true ? ['“echo”'] : []),
    ...((best_of ?? 1) > 1 ? ['“best_of”'] : []),
  ]
}

const COMPLETION_ONLY = ['prompt', 'suffix', 'echo', 'best_of', 'logprobs']

function asChat(body: JsonBody, prompt: string): JsonBody {
  const changes = new Map<string, string | undefined>([
    ['messages', JSON.stringify([{ role: 'user', content: prompt }])],
    ...COMPLETION_ONLY.filter((name) => body.fields.has(name)).map((name) => [name, undefined] as const),
  ])
  return jsonBodyOf(spliceFields(body, changes))
}
