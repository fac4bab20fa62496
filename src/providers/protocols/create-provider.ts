import { createDispatcher, type DispatcherParts } from '../dispatch/dispatcher.ts'
import { keyThatMade } from '../dispatch/thinking-maker.ts'
import { asUpstreamError, withProvider } from '../errors/upstream-errors.ts'
import type { Provider, ProviderDefinition } from '../provider.ts'
import { isRequestRulesName, REQUEST_RULES } from '../request-rules/index.ts'
import type { RequestRules } from '../request-rules/request-rules.ts'
import { createRulesByModel } from '../request-rules/rules-of-models.ts'
import {
  createDeadlineTimer,
  DEFAULT_LIMITS,
  type TimeLimits,
  type DeadlineTimer,
} from '../transport/timeouts.ts'
import type { Upstream } from '../transport/upstream.ts'
import { askForJson, type JsonRequest } from './ask-for-json.ts'
import { protocolOf } from './index.ts'
import { ProtocolCall, type ProtocolCallParts } from './protocol-call.ts'
import { createHeaders } from './request-headers.ts'

export interface ProviderParts extends DispatcherParts {
  readonly upstream: Upstream
  /** The proxy through which it is reached, for people; directly without it. */
  readonly proxy?: string | undefined
  /** Whether it runs on this host. */
  readonly isLocal?: boolean | undefined
  /** Whether it is a broker above that runs on this host. */
  readonly isOnHost?: boolean | undefined
  /** The timer of its timeouts, shared by all providers; the provider creates its own by default. */
  readonly timer?: DeadlineTimer | undefined
  readonly limits?: TimeLimits | undefined
  /** Resolves when the provider can take a request, which may start a managed local server. The result is called after the request. */
  readonly enter?: (() => Promise<() => void>) | undefined
}

/** A provider that speaks the protocol of its definition. */
export function createProvider(parts: ProviderParts): Provider {
  const { definition, upstream, clock, enter } = parts
  const protocol = protocolOf(definition)
  const dispatcher = createDispatcher(parts)
  const rules = createRulesByModel(vendorRules(definition), definition.quirks?.droppedFields)
  const callParts: ProtocolCallParts = {
    dispatcher,
    upstream,
    clock,
    enter,
    timer: parts.timer ?? createDeadlineTimer(clock),
    limits: parts.limits ?? DEFAULT_LIMITS,
    provider: definition.displayName,
    definition,
    protocol,
    rulesOf: rules.of,
    headersOf: createHeaders(definition, protocol),
  }
  const ask = (path: string, body?: string): Promise<unknown> =>
    askForJson(upstream, jsonRequest(parts, path, body)).catch((error: unknown) => {
      throw withProvider(asUpstreamError(error), definition.displayName, parts.keys[0]?.key)
    })
  return {
    id: definition.id,
    displayName: definition.displayName,
    keyCount: dispatcher.keyCount,
    abortStopsBilling: definition.abortStopsBilling,
    abortStopsPlainBilling: definition.abortStopsPlainBilling,
    isMock: definition.isMock ?? false,
    isMother: definition.quirks?.speaksCascade ?? false,
    attestsPolicy: definition.attestsPolicy,
    isOnHost: parts.isOnHost,
    isLocal: parts.isLocal ?? false,
    proxy: parts.proxy,
    privacy: definition.privacy,
    company: definition.company,
    maxInputs: definition.quirks?.maxInputs,
    transcriptFormats: definition.quirks?.transcriptFormats,
    speaksOpenRouter: definition.quirks?.speaksOpenRouter ?? false,
    prefixMarker: definition.quirks?.prefixMarker ?? 'role',
    refusedFields: rules.refusedFields,
    usageShape: definition.quirks?.usageShape,
    readiness: (modelId) => dispatcher.readiness(modelId),
    hasMade: (sealed, modelId) => keyThatMade(sealed, modelId, parts) !== undefined,
    keys: () => dispatcher.keys(),
    send: (request, handler) => new ProtocolCall(callParts, request, handler),
    getJson: enter === undefined ? (path) => ask(path) : undefined,
    postJson: definition.quirks?.speaksCascade === true ? ask : undefined,
    close: () => upstream.close(),
  }
}

/** Of the vendor that the definition names, or of the provider's own name. A router puts requests into words itself. */
function vendorRules({ id, quirks = {} }: ProviderDefinition): RequestRules | undefined {
  if (quirks.speaksOpenRouter === true) return undefined
  const name = quirks.requestRules ?? id
  return isRequestRulesName(name) ? REQUEST_RULES[name] : undefined
}

function jsonRequest(
  { definition, keys: [first], clock }: ProviderParts,
  path: string,
  body: string | undefined,
): JsonRequest {
  const headers = [
    ...Object.entries(definition.headers ?? {}).flat(),
    ...protocolOf(definition).keyHeaders(first?.key),
  ]
  return { path, body, headers, provider: definition.displayName, clock }
}
