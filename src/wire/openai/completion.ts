import { z } from 'zod'
import { fieldFault } from './field-error.ts'
import { jsonBodyOf, type JsonBody } from '../json/json-body.ts'
import { spliceFields } from '../json/splice-fields.ts'
import { COMPRESSION, ownPlugins, type OwnPlugins } from './plugins.ts'
import { parseWishes, type RoutingWishes } from './routing-preferences.ts'

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
  readonly wishes: RoutingWishes
  readonly streamed: boolean
  readonly maxTokens: number | undefined
  readonly choices: number
  readonly plugins: OwnPlugins
}

/** Reads a completion request. Throws `bad-request` naming the field. */
export function parseCompletionRequest(body: JsonBody): CompletionRequest {
  const parsed = form.safeParse(body.value)
  if (!parsed.success) throw fieldFault(form, body.value)
  const { prompt, stream, max_tokens, n } = parsed.data
  const plugins = ownPlugins(body)
  const wishes = parseWishes(body, max_tokens ?? undefined, [COMPRESSION])
  const chatOnly = [...wishes.needs.routerOnly, ...beyondChat(parsed.data)]
  return {
    body,
    chatBody: asChat(body, prompt),
    wishes: { ...wishes, needs: { ...wishes.needs, routerOnly: chatOnly } },
    streamed: stream ?? false,
    maxTokens: max_tokens ?? undefined,
    choices: n ?? 1,
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
