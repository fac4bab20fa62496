import { ERRORS, withDetails, type BrokerError } from '../../base/errors.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import type { RequestContext, InferenceRequest } from '../request/inference-request.ts'
import type { Providers } from './attempt-context.ts'
import type { RequestRecord } from './request-record.ts'

/** Whether the caller wants to know how its request was routed: OpenRouter's header, under its newer and its older name. */
export function wantsMetadata({ headers }: RequestContext): boolean {
  const wanted = headers?.['x-openrouter-metadata'] ?? headers?.['x-openrouter-experimental-metadata']
  return typeof wanted === 'string' && wanted.toLowerCase() === 'enabled'
}

/** What has happened until the response began. */
export interface Routed {
  readonly request: InferenceRequest
  readonly record: RequestRecord
  readonly endpoint: Endpoint
  readonly providers: Providers
}

/** OpenRouter's `openrouter_metadata`: the available endpoints, the attempts, and what was done to the request. */
export function routerMetadata({ request, record, endpoint, providers }: Routed): object {
  const nameOf = namer(providers)
  const provider = nameOf(endpoint.provider)
  const pipeline = request.compressed?.has(endpoint.id) !== true ? {} : { pipeline: [COMPRESSED] }
  return {
    ...headOf(request.requestedModel, strategyOf(request, endpoint)),
    summary: `available=${request.candidates.length}, selected=${provider}`,
    attempt: record.attempts.length + 1,
    endpoints: available(request, nameOf, endpoint),
    attempts: [...failed(record, request, nameOf), { provider, model: endpoint.model, status: 200 }],
    ...pipeline,
  }
}

/** The error of a request that failed everywhere, with how it was routed where the caller wants to know. */
export function withMetadata(
  error: BrokerError,
  context: RequestContext,
  routed: Omit<Routed, 'endpoint'>,
): BrokerError {
  return addRouting(error, context, () => {
    const { request, record } = routed
    const nameOf = namer(routed.providers)
    return {
      ...headOf(request.requestedModel, strategyOf(request, request.candidates[0])),
      summary: `available=${request.candidates.length}, selected=none`,
      attempt: record.attempts.length,
      endpoints: available(request, nameOf),
      attempts: failed(record, request, nameOf),
    }
  })
}

/** The error of a request that was refused before any attempt, with the routing metadata where the caller wants it. */
export function withNoAttempts(
  error: BrokerError,
  context: RequestContext,
  requestedModel: string,
): BrokerError {
  return addRouting(error, context, () => ({
    ...headOf(requestedModel, strategyOf({ requestedModel, candidates: [] })),
    summary: 'available=0, selected=none',
    attempt: 0,
    endpoints: { total: 0, available: [] },
  }))
}

/** OpenRouter has no such metadata in its internal errors. */
function addRouting(error: BrokerError, context: RequestContext, metadata: () => object): BrokerError {
  if (error.code === 'internal' || !wantsMetadata(context)) return error
  return withDetails(error, { routed: metadata() })
}

type NameOf = (provider: string) => string

function namer(providers: Routed['providers']): NameOf {
  return (provider) => providers().get(provider)?.displayName ?? provider
}

function headOf(requested: string, strategy: string): object {
  return { requested, strategy, region: null, is_byok: false }
}

function available({ candidates }: InferenceRequest, nameOf: NameOf, selected?: Endpoint): object {
  return {
    total: candidates.length,
    available: candidates.map(({ id, provider, model }) => ({
      provider: nameOf(provider),
      model,
      selected: id === selected?.id,
    })),
  }
}

function failed(
  { attempts, errors }: RequestRecord,
  { candidates }: InferenceRequest,
  nameOf: NameOf,
): object[] {
  return attempts.map(({ endpoint: id, status }, at) => ({
    ...namesOf(id, candidates, nameOf),
    status: status ?? ERRORS[errors[at]?.code ?? 'upstream-failed'].http,
  }))
}

const COMPRESSED = {
  type: 'context_compression',
  name: 'context-compression',
  data: { engine: 'middle-out' },
}

function namesOf(id: string, candidates: readonly Endpoint[], nameOf: NameOf): object {
  const found = candidates.find((candidate) => candidate.id === id)
  return { provider: nameOf(found?.provider ?? id), model: found?.model ?? id }
}

/** OpenRouter's name for how the request was routed. */
function strategyOf(
  { requestedModel, candidates: [first] }: Pick<InferenceRequest, 'requestedModel' | 'candidates'>,
  responding?: Endpoint,
): string {
  if (/^(openrouter\/)?auto/.test(requestedModel)) return 'auto'
  if (first !== undefined && responding !== undefined && first.model !== responding.model) return 'fallback'
  return requestedModel.endsWith(':free') ? 'free' : 'direct'
}
