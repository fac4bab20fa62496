import { BrokerError } from '../base/errors.ts'
import { truncate } from '../base/text.ts'
import type { Catalog, Endpoint, Model, ModelKind } from '../catalog/catalog.ts'
import { findByName } from '../catalog/find-model.ts'
import { findNearest } from '../base/nearest-names.ts'

/** What a model name stands for: an automatic choice, or endpoints. */
export type Resolved = (
  | { readonly type: 'auto'; readonly strategy: Strategy | undefined }
  | { readonly type: 'endpoints'; readonly model: Model; readonly endpoints: readonly Endpoint[] }
) & {
  /** Suffixes of the name that are not part of a model's own name: `nitro`, `floor`, … */
  readonly variants: readonly string[]
}

export type Strategy = 'cheapest' | 'best'

const AUTOMATIC: Readonly<Record<string, Strategy | undefined>> = {
  auto: undefined,
  autocheapest: 'cheapest',
  autobest: 'best',
}

/** OpenRouter's suffixes. Others are part of a model's name, where the catalogue lists it. */
const VARIANTS = ['nitro', 'floor', 'online', 'exacto', 'free', 'thinking', 'extended']

/**
 * Resolves a model name: an automatic choice, our own name, OpenRouter's `author/slug`, or `provider/model_id`, each with
 * or without suffixes. OpenRouter's name means the model at all its providers; `provider/model_id` means that endpoint
 * alone. At a provider that takes any model, `provider/name` need not be listed. Throws `no-such-model` with the nearest names.
 */
export function resolveModel(name: string, kind: ModelKind, catalog: Catalog): Resolved {
  const automatic = automaticOf(name)
  if (automatic !== undefined) return automatic
  const variants: string[] = []
  for (let base = name; ;) {
    const found = findByName(catalog, base)
    if (found !== undefined) {
      checkKind(found.model, kind)
      const endpoints = found.type === 'model' ? found.model.endpoints : [found.endpoint]
      return { type: 'endpoints', model: found.model, endpoints, variants }
    }
    const colon = base.lastIndexOf(':')
    const suffix = base.slice(colon + 1)
    const isLast = colon === -1 || variants.length === VARIANTS.length
    if (isLast || !VARIANTS.includes(suffix)) return passedThrough(name, kind, catalog)
    variants.unshift(suffix)
    base = base.slice(0, colon)
  }
}

/** As long as the names of models that providers list. */
const MAX_NAME_LENGTH = 256
/** After every endpoint that is listed. */
const PRIORITY = 70

/**
 * A model that no list has, at a provider that takes any. Nothing is known about it, its price included. Throws
 * `no-such-model` for other names.
 */
function passedThrough(name: string, kind: ModelKind, catalog: Catalog): Resolved {
  const slash = name.indexOf('/')
  const provider = name.slice(0, slash)
  const modelId = name.slice(slash + 1)
  const isPassed = slash > 0 && catalog.passThrough?.has(provider) === true
  if (!isPassed || modelId === '' || name.length > MAX_NAME_LENGTH) throw noSuchModel(name, kind, catalog)
  const limits = { contextWindow: undefined, maxOutputTokens: undefined }
  const endpoint = {
    id: name,
    provider,
    modelId,
    model: name,
    priority: PRIORITY,
    price: undefined,
    ...limits,
  }
  const model: Model = {
    id: name,
    displayName: name,
    kind,
    tier: 'listed',
    capabilities: [],
    ...limits,
    endpoints: [endpoint],
    isDiscovered: true,
  }
  return { type: 'endpoints', model, endpoints: [endpoint], variants: [] }
}

function automaticOf(name: string): Resolved | undefined {
  const [base = '', ...variants] = name.replace(/^openrouter\//, '').split(':')
  if (!Object.hasOwn(AUTOMATIC, base)) return undefined
  return { type: 'auto', strategy: AUTOMATIC[base], variants }
}

function checkKind(model: Model, kind: ModelKind): void {
  if (model.kind === kind) return
  throw new BrokerError(
    'bad-request',
    `“${model.id}” is a model for ${model.kind} and can't be used for ${kind}`,
  )
}

function noSuchModel(name: string, kind: ModelKind, catalog: Catalog): BrokerError {
  const names = [...catalog.models.values()].filter((model) => model.kind === kind).map((model) => model.id)
  const near = findNearest(names, name, { kind: 'slug', limit: 3 })
  const hint =
    near.length > 0
      ? `did you mean ${near.map((other) => `“${other}”`).join(' or ')}?`
      : 'GET /v1/models lists the available models'
  return new BrokerError(
    'no-such-model',
    `No endpoints found for ${truncate(name)}. There is no such model here; ${hint}`,
  )
}
