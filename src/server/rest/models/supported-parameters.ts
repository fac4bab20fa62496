import type { Endpoint, Model } from '../../../catalog/catalog.ts'
import type { Provider } from '../../../providers/provider.ts'

/** Parameters that every chat model behind OpenAI's protocol takes; others depend on its capabilities. */
const COMMON_PARAMETERS = [
  'max_tokens',
  'temperature',
  'top_p',
  'stop',
  'seed',
  'frequency_penalty',
  'presence_penalty',
  'response_format',
]
const BY_CAPABILITY: Readonly<Record<string, readonly string[]>> = {
  tool_calling: ['tools', 'tool_choice', 'parallel_tool_calls'],
  reasoning: ['reasoning', 'include_reasoning'],
}

/** The request parameters that a model takes, by OpenRouter's names, wherever it runs. */
export function supportedParametersOf({ kind, capabilities, listing }: Model): readonly string[] {
  if (listing !== undefined) return listing.supportedParameters
  if (kind !== 'chat') return []
  return [...COMMON_PARAMETERS, ...capabilities.flatMap((word) => BY_CAPABILITY[word] ?? [])]
}

/** The parameters that at least one of these endpoints of a model takes. */
export function parametersTaken(
  model: Model,
  endpoints: readonly Endpoint[],
  providers: ReadonlyMap<string, Pick<Provider, 'refusedFields'>>,
): readonly string[] {
  const taken = endpoints.map((endpoint) => parametersTakenAt(model, endpoint, providers))
  const [only] = taken
  return only !== undefined && taken.length === 1 ? only : [...new Set(taken.flat())]
}

/** The parameters that one endpoint takes: its own list, else its model's, without those that its provider refuses. */
export function parametersTakenAt(
  model: Model,
  { provider, modelId, supportedParameters }: Endpoint,
  providers: ReadonlyMap<string, Pick<Provider, 'refusedFields'>>,
): readonly string[] {
  const listed = supportedParameters ?? supportedParametersOf(model)
  const refused = providers.get(provider)?.refusedFields?.(modelId)
  return refused === undefined || refused.size === 0 ? listed : listed.filter((name) => !refused.has(name))
}
