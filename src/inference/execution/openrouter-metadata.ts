import { ERRORS, withDetails, type BrokerError } from '../../base/errors.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import type { Provider } from '../../providers/provider.ts'
import type { Asker } from '../request/request-context.ts'
import type { Errand } from '../request/inference-request.ts'
import type { AnswerRecord } from './request-record.ts'

/** Whether the caller wants to be told how its request was routed: OpenRouter's header, under its newer and its older name. */
export function wantsMetadata({ headers }: Asker): boolean {
  const said = headers?.['x-openrouter-metadata'] ?? headers?.['x-openrouter-experimental-metadata']
  return typeof said === 'string' && said.toLowerCase() === 'enabled'
}

/** What has happened until the answer began. */
export interface Routed {
  readonly errand: Errand
  readonly record: AnswerRecord
  readonly endpoint: Endpoint
  readonly providers: () => ReadonlyMap<string, Provider>
}

/** OpenRouter's `openrouter_metadata`: who could have answered, who was tried, what was done to the request. */
export function routerMetadata({ errand, record, endpoint, providers }: Routed): object {
  const nameOf = namer(providers)
  const provider = nameOf(endpoint.provider)
  const pipeline = errand.fitting?.(endpoint) === undefined ? {} : { pipeline: [COMPRESSED] }
  return {
    ...headOf(errand.modelAsked, strategyOf(errand, endpoint)),
    summary: `available=${errand.candidates.length}, selected=${provider}`,
    attempt: record.attempts.length + 1,
    endpoints: available(errand, nameOf, endpoint),
    attempts: [...failed(record, errand, nameOf), { provider, model: endpoint.model, status: 200 }],
    ...pipeline,
  }
}

/** The error of a request that nobody could answer, with how it was routed where the caller wants to be told. */
export function withMetadata(error: BrokerError, asker: Asker, run: Omit<Routed, 'endpoint'>): BrokerError {
  return beside(error, asker, () => {
    const { errand, record } = run
    const nameOf = namer(run.providers)
    return {
      ...headOf(errand.modelAsked, strategyOf(errand, errand.candidates[0])),
      summary: `available=${errand.candidates.length}, selected=none`,
      attempt: record.attempts.length,
      endpoints: available(errand, nameOf),
      attempts: failed(record, errand, nameOf),
    }
  })
}

/** The same for one that was refused before anybody could be tried. */
export function withNobodyTried(error: BrokerError, asker: Asker, modelAsked: string): BrokerError {
  return beside(error, asker, () => ({
    ...headOf(modelAsked, strategyOf({ modelAsked, candidates: [] })),
    summary: 'available=0, selected=none',
    attempt: 0,
    endpoints: { total: 0, available: [] },
  }))
}

/** OpenRouter tells it of no failure of its own. */
function beside(error: BrokerError, asker: Asker, metadata: () => object): BrokerError {
  if (error.code === 'internal' || !wantsMetadata(asker)) return error
  return withDetails(error, { routed: metadata() })
}

type NameOf = (provider: string) => string

function namer(providers: Routed['providers']): NameOf {
  return (provider) => providers().get(provider)?.displayName ?? provider
}

function headOf(requested: string, strategy: string): object {
  return { requested, strategy, region: null, is_byok: false }
}

function available({ candidates }: Errand, nameOf: NameOf, selected?: Endpoint): object {
  return {
    total: candidates.length,
    available: candidates.map(({ id, provider, model }) => ({
      provider: nameOf(provider),
      model,
      selected: id === selected?.id,
    })),
  }
}

function failed({ attempts, errors }: AnswerRecord, { candidates }: Errand, nameOf: NameOf): object[] {
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

/** In OpenRouter's words. */
function strategyOf(
  { modelAsked, candidates: [first] }: Pick<Errand, 'modelAsked' | 'candidates'>,
  answering?: Endpoint,
): string {
  if (/^(openrouter\/)?auto/.test(modelAsked)) return 'auto'
  if (first !== undefined && answering !== undefined && first.model !== answering.model) return 'fallback'
  return modelAsked.endsWith(':free') ? 'free' : 'direct'
}
