import { createDispatcher, type DispatcherParts } from '../dispatch/dispatcher.ts'
import { asUpstreamError, withProvider } from '../errors/upstream-errors.ts'
import type { Provider } from '../provider.ts'
import {
  createDeadlineTimer,
  DEFAULT_LIMITS,
  type TimeLimits,
  type DeadlineTimer,
} from '../transport/timeouts.ts'
import type { Upstream } from '../transport/upstream.ts'
import { getJson, type GetRequest } from './get-json.ts'
import { OpenAiCall, type OpenAiCallParts } from './openai-call.ts'
import { createHeaders } from './request-headers.ts'

export interface ProviderParts extends DispatcherParts {
  readonly upstream: Upstream
  /** Whether it runs on this host. */
  readonly isLocal?: boolean | undefined
  /** The timer of its timeouts, shared by all providers; the provider creates its own by default. */
  readonly timer?: DeadlineTimer | undefined
  readonly limits?: TimeLimits | undefined
  /** Resolves when the provider can take a request, which may start a managed local server. The result is called after the request. */
  readonly enter?: (() => Promise<() => void>) | undefined
}

/** A provider that speaks OpenAI's protocol. */
export function openAiProvider(parts: ProviderParts): Provider {
  const { definition, upstream, clock, enter } = parts
  const dispatcher = createDispatcher(parts)
  const callParts: OpenAiCallParts = {
    dispatcher,
    upstream,
    clock,
    enter,
    timer: parts.timer ?? createDeadlineTimer(clock),
    limits: parts.limits ?? DEFAULT_LIMITS,
    provider: definition.displayName,
    quirks: definition.quirks ?? {},
    headersOf: createHeaders(definition),
  }
  return {
    id: definition.id,
    displayName: definition.displayName,
    keyCount: dispatcher.keyCount,
    abortStopsBilling: definition.abortStopsBilling,
    abortStopsPlainBilling: definition.abortStopsPlainBilling,
    isMock: definition.isMock ?? false,
    isLocal: parts.isLocal ?? false,
    privacy: definition.privacy,
    company: definition.company,
    maxInputs: definition.quirks?.maxInputs,
    transcriptFormats: definition.quirks?.transcriptFormats,
    speaksOpenRouter: definition.quirks?.speaksOpenRouter ?? false,
    prefixMarker: definition.quirks?.prefixMarker ?? 'role',
    usageShape: definition.quirks?.usageShape,
    readiness: (modelId) => dispatcher.readiness(modelId),
    keys: () => dispatcher.keys(),
    send: (request, handler) => new OpenAiCall(callParts, request, handler),
    getJson:
      enter === undefined
        ? (path) =>
            getJson(upstream, getRequest(parts, path)).catch((error: unknown) => {
              throw withProvider(asUpstreamError(error), definition.displayName, parts.keys[0]?.key)
            })
        : undefined,
    close: () => upstream.close(),
  }
}

function getRequest({ definition, keys: [first], clock }: ProviderParts, path: string): GetRequest {
  const headers = Object.entries(definition.headers ?? {}).flat()
  if (first !== undefined) headers.push('authorization', `Bearer ${first.key.reveal()}`)
  return { path, headers, provider: definition.displayName, clock }
}
