import type { RouterEndpoint } from '../catalog/sources/router-endpoints.ts'
import { truncate } from '../base/text.ts'
import { NO_PREFERENCES } from '../wire/openai/routing/provider-preferences.ts'
import type { RoutingPreferences } from '../wire/openai/routing/routing-preferences.ts'
import { unmetCondition } from './router-endpoints.ts'
import { quantizationMatches, maxPriceExcess } from './price-and-quantization.ts'
import type { EndpointCandidate } from './endpoint-candidate.ts'
import { matchesProvider, indexInSlugs } from './provider-slugs.ts'

/** What a filter may use besides the candidate. */
export interface FilterContext {
  readonly requested: RoutingPreferences
  /** The providers of the model's candidates that are no routers. */
  readonly direct: ReadonlySet<string>
  /** Suffixes of the model's name, such as `free`. */
  readonly variants: readonly string[]
  /** A router's own endpoints for one of its models, as far as they are known. */
  readonly routerEndpoints?: ((modelId: string) => readonly RouterEndpoint[] | undefined) | undefined
}

/** One hard condition on candidates. */
export interface Filter {
  /** OpenRouter's name of the step, where it has one. */
  readonly step: string
  /** Why this candidate is excluded; `undefined` when it is not. */
  readonly rejectReason: (candidate: EndpointCandidate, context: FilterContext) => string | undefined
  /** The error message when no candidate is left; OpenRouter's wording where it has one, for clients match on it. */
  readonly message: (context: FilterContext) => string
}

/** In the order in which they are applied; the 404 names the one that excludes the last candidate. */
export const FILTERS: readonly Filter[] = [
  {
    step: 'Filter by Free Variant',
    rejectReason: ({ endpoint, state }, { variants }) =>
      !variants.includes('free') || isFree(endpoint.price) || state.speaksOpenRouter === true
        ? undefined
        : 'is not free',
    message: ({ requested }) => `No endpoints found for ${truncate(requested.model)}.`,
  },
  {
    step: 'Filter by Allowed Providers',
    rejectReason: (candidate, { requested: { preferences }, direct }) =>
      preferences.only === undefined || indexInSlugs(preferences.only, candidate, direct) !== -1
        ? undefined
        : `is not among provider.only (${joined(preferences.only)})`,
    message: ({ requested }) =>
      `No allowed providers are available for the selected model: provider.only permits only ${joined(requested.preferences.only)}.`,
  },
  {
    step: 'Filter by Ignored Providers',
    rejectReason: ({ endpoint }, { requested: { preferences } }) =>
      preferences.ignore?.some((slug) => matchesProvider(slug, endpoint.provider)) === true
        ? 'is in provider.ignore'
        : undefined,
    message: () => 'All providers for the requested model have been ignored.',
  },
  {
    step: 'Filter by Fallback',
    rejectReason: (candidate, { requested: { preferences }, direct }) =>
      preferences.allowFallbacks ||
      preferences.order === undefined ||
      indexInSlugs(preferences.order, candidate, direct) !== -1
        ? undefined
        : 'is not in provider.order, and fallbacks are off',
    message: ({ requested }) =>
      `No endpoints found: provider.order names ${joined(requested.preferences.order)}, and allow_fallbacks is off.`,
  },
  {
    step: 'Filter by Router Features',
    rejectReason: ({ state }, { requested, variants }) => {
      const [feature] = routerFeatures(requested, variants)
      return feature === undefined || state.speaksOpenRouter === true
        ? undefined
        : `does not support ${feature}`
    },
    message: ({ requested, variants }) =>
      `${routerFeatures(requested, variants).join(', ')}: only OpenRouter supports this, and it has no endpoint for ${truncate(requested.model)} here. Remove it from the request or set OPENROUTER_API_KEY.`,
  },
  {
    step: 'Filter by Data Policy',
    rejectReason: ({ state }, { requested: { preferences } }) => {
      if (state.speaksOpenRouter === true) return undefined
      if (preferences.deniesDataCollection && state.privacy?.trains !== false)
        return state.privacy === undefined ? 'has no known data policy' : 'may train on prompts'
      if (preferences.zeroDataRetention && state.privacy?.retains !== false)
        return state.privacy === undefined ? 'has no known data policy' : 'retains prompts'
      return undefined
    },
    message: () => 'No endpoints found matching your data policy (provider.data_collection, provider.zdr).',
  },
  {
    step: 'Filter by Distillable Text',
    rejectReason: ({ state }, { requested: { preferences } }) =>
      !preferences.distillableOnly || state.speaksOpenRouter === true
        ? undefined
        : 'is not known to permit distillation',
    message: () =>
      'No endpoints found whose models are known to permit distillation (provider.enforce_distillable_text).',
  },
  {
    step: 'Filter by Quantization',
    rejectReason: ({ endpoint, state }, { requested: { preferences } }) => {
      if (preferences.quantizations === undefined || state.speaksOpenRouter === true) return undefined
      const own = endpoint.quantization ?? 'unknown'
      return preferences.quantizations.some((wanted) => quantizationMatches(wanted, own))
        ? undefined
        : `runs at ${own} quantization`
    },
    message: ({ requested }) =>
      `No endpoints found at the quantizations ${joined(requested.preferences.quantizations)}.`,
  },
  {
    step: 'Filter by Thinking Variant',
    rejectReason: ({ model, state }, { variants }) =>
      !variants.includes('thinking') ||
      state.speaksOpenRouter === true ||
      model.capabilities.length === 0 ||
      model.capabilities.includes('reasoning')
        ? undefined
        : 'does not reason',
    message: ({ requested }) =>
      `No endpoints found for ${truncate(requested.model)}: the model does not reason.`,
  },
  ...(['image', 'audio', 'file', 'video'] as const).map(inputFilter),
  {
    step: 'Filter by Model Output Modalities',
    rejectReason: ({ model, state }, { requested: { needs } }) => {
      const missing = needs.outputs.find((output) => !hasOutput(model.capabilities, output))
      return missing === undefined || state.speaksOpenRouter === true ? undefined : `has no ${missing} output`
    },
    message: ({ requested }) =>
      `No endpoints found that support the requested output modalities: ${requested.needs.outputs.join(', ')}`,
  },
  {
    step: 'Filter by Max Tokens',
    rejectReason: ({ endpoint }, { requested: { needs } }) =>
      needs.maxTokens === undefined || needs.maxTokens <= (endpoint.maxOutputTokens ?? Infinity)
        ? undefined
        : `outputs at most ${endpoint.maxOutputTokens} tokens`,
    message: ({ requested }) =>
      `No endpoints found that can output ${requested.needs.maxTokens} tokens in one response; lower max_tokens.`,
  },
  {
    step: 'Filter by Parameters',
    rejectReason: (candidate, { requested: { preferences, needs } }) => {
      if (!preferences.requireParameters || candidate.state.speaksOpenRouter === true) return undefined
      const missing = needs.parameters.filter((name) => !supportsParameter(candidate, name))
      return missing.length === 0 ? undefined : `does not support ${missing.join(', ')}`
    },
    message: () =>
      'No endpoints found that can handle the requested parameters. provider.require_parameters is on.',
  },
  {
    step: 'Filter by Max Price',
    rejectReason: ({ endpoint: { price }, state }, { requested: { preferences } }) => {
      const { maxPrice } = preferences
      if (maxPrice === undefined) return undefined
      if (price === undefined) return state.speaksOpenRouter === true ? undefined : 'has no known price'
      return maxPriceExcess(price, maxPrice)
    },
    message: () => 'No endpoints found that satisfy the max price for this request',
  },
  {
    step: 'Filter by Endpoints behind OpenRouter',
    rejectReason: ({ endpoint, state }, { requested, routerEndpoints }) => {
      if (state.speaksOpenRouter !== true || requested.preferences === NO_PREFERENCES) return undefined
      const endpoints = routerEndpoints?.(endpoint.modelId)
      const unmet = endpoints === undefined ? undefined : unmetCondition(endpoints, requested)
      return unmet === undefined
        ? undefined
        : `has ${endpoints?.length} endpoints for it, and none of them meets ${unmet}`
    },
    message: ({ requested }) =>
      `No endpoints found for ${truncate(requested.model)}: none of those that OpenRouter has for it meets the provider preferences.`,
  },
]

/** The features of a request that only a router has. */
function routerFeatures({ needs }: RoutingPreferences, variants: readonly string[]): readonly string[] {
  return [...needs.routerOnly, ...(variants.includes('online') ? ['“:online”'] : [])]
}

/** The capabilities by which the models file and OpenRouter state that a model accepts such input. */
const INPUT_WORDS = {
  image: ['vision', 'image', 'image_input'],
  audio: ['audio', 'audio_input'],
  file: ['file', 'pdf', 'vision', 'image'],
  video: ['video', 'video_input'],
}

function inputFilter(input: keyof typeof INPUT_WORDS): Filter {
  const name = `${input.charAt(0).toUpperCase()}${input.slice(1)}`
  return {
    step: `Filter by ${name} Support`,
    rejectReason: ({ model: { capabilities } }, { requested: { needs } }) =>
      // A model without any capability in the file may accept it.
      !needs.inputs.includes(input) ||
      capabilities.length === 0 ||
      INPUT_WORDS[input].some((word) => capabilities.includes(word))
        ? undefined
        : `does not accept ${input} input`,
    message: () => `No endpoints found that support ${input} input`,
  }
}

function hasOutput(capabilities: readonly string[], output: string): boolean {
  return capabilities.length === 0 || capabilities.includes(`${output}_output`)
}

/** Parameters that a capability of the models file covers. Other parameters are OpenAI's own and assumed to be supported. */
const CAPABILITY_OF: Readonly<Record<string, string>> = {
  tools: 'tool_calling',
  tool_choice: 'tool_calling',
  parallel_tool_calls: 'tool_calling',
  reasoning: 'reasoning',
}

/** Parameters that OpenAI does not have: supported only where a provider lists them. */
const RARE_PARAMETERS = [
  'top_k',
  'min_p',
  'top_a',
  'repetition_penalty',
  'verbosity',
  'web_search_options',
  'prediction',
]

/** Whether an endpoint is known to support a parameter. */
export function supportsParameter({ model, endpoint, state }: EndpointCandidate, name: string): boolean {
  if (state.refusedFields?.(endpoint.modelId).has(name) === true) return false
  if (endpoint.supportedParameters !== undefined) return endpoint.supportedParameters.includes(name)
  const capability = CAPABILITY_OF[name]
  if (capability !== undefined) return model.capabilities.includes(capability)
  return !RARE_PARAMETERS.includes(name)
}

function isFree(price: EndpointCandidate['endpoint']['price']): boolean {
  return price?.input === 0n && (price.output ?? 0n) === 0n && (price.perRequest ?? 0n) === 0n
}

function joined(names: readonly string[] = []): string {
  return truncate(names.join(', '))
}
