import { ERRORS } from '../base/errors.ts'
import type { Endpoint } from '../catalog/catalog.ts'
import type { Provider } from '../providers/provider.ts'
import type { Asker } from './asker.ts'
import type { Errand } from './errand.ts'
import type { AnswerRecord } from './record.ts'

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
  const nameOf = (provider: string): string => providers().get(provider)?.displayName ?? provider
  const { candidates } = errand
  const provider = nameOf(endpoint.provider)
  const pipeline = errand.fitting?.(endpoint) === undefined ? {} : { pipeline: [COMPRESSED] }
  return {
    requested: errand.modelAsked,
    strategy: strategyOf(errand, endpoint),
    region: null,
    summary: `available=${candidates.length}, selected=${provider}`,
    attempt: record.attempts.length + 1,
    is_byok: false,
    endpoints: {
      total: candidates.length,
      available: candidates.map(({ id, provider: of, model }) => ({
        provider: nameOf(of),
        model,
        selected: id === endpoint.id,
      })),
    },
    attempts: [
      ...record.attempts.map(({ endpoint: id, status }, at) => ({
        ...namesOf(id, candidates, nameOf),
        status: status ?? ERRORS[record.errors[at]?.code ?? 'upstream-failed'].http,
      })),
      { provider, model: endpoint.model, status: 200 },
    ],
    ...pipeline,
  }
}

const COMPRESSED = {
  type: 'context_compression',
  name: 'context-compression',
  data: { engine: 'middle-out' },
}

function namesOf(id: string, candidates: readonly Endpoint[], nameOf: (provider: string) => string): object {
  const found = candidates.find((candidate) => candidate.id === id)
  return { provider: nameOf(found?.provider ?? id), model: found?.model ?? id }
}

/** In OpenRouter's words. */
function strategyOf({ modelAsked, candidates: [first] }: Errand, { model }: Endpoint): string {
  if (/^(openrouter\/)?auto/.test(modelAsked)) return 'auto'
  if (first !== undefined && first.model !== model) return 'fallback'
  return modelAsked.endsWith(':free') ? 'free' : 'direct'
}
