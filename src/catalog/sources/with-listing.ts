import { createHash } from 'node:crypto'
import type { Catalog, Endpoint, Model, ModelKind } from '../catalog.ts'
import { findBySlug } from '../find-model.ts'
import type { ListedModel } from './openrouter-listing.ts'
import { withModels } from './merge.ts'

/** After the endpoints of the models file. */
const PRIORITY = 50

/**
 * Adds OpenRouter's list to a catalogue. Where both have a model, the models file takes precedence and the list fills in what
 * is missing there; other models are added under OpenRouter's names.
 */
export function withListing(catalog: Catalog, listed: readonly ListedModel[]): Catalog {
  if (listed.length === 0) return catalog
  const filled = new Map<string, Model>()
  const added: Model[] = []
  for (const row of listed) {
    const known = findBySlug(catalog, row.listing.slug) ?? catalog.models.get(row.listing.slug)
    if (known !== undefined) filled.set(known.id, fill(filled.get(known.id) ?? known, row))
    else added.push(...asModel(row))
  }
  const models = [...catalog.models.values()].map((model) => filled.get(model.id) ?? model)
  const merged = withModels(asCatalog(catalog, models), added)
  return Object.freeze({ ...merged, version: versionOf(catalog.version, listed) })
}

function asCatalog(catalog: Catalog, models: readonly Model[]): Catalog {
  const byId = new Map(models.map((model) => [model.id, model]))
  const endpoints = [...catalog.endpoints].map(([id, endpoint]) => {
    const owner = byId.get(endpoint.model)
    return [id, owner?.endpoints.find((own) => own.id === id) ?? endpoint] as const
  })
  return { version: catalog.version, models: byId, endpoints: new Map(endpoints) }
}

function fill(model: Model, row: ListedModel): Model {
  const { listing } = row
  return Object.freeze({
    ...model,
    contextWindow: model.contextWindow ?? row.contextWindow,
    maxOutputTokens: model.maxOutputTokens ?? row.maxOutputTokens,
    endpoints: model.endpoints.map((endpoint) =>
      endpoint.provider === 'openrouter' && endpoint.modelId === listing.slug
        ? fillEndpoint(endpoint, row)
        : endpoint,
    ),
    listing,
  })
}

function fillEndpoint(endpoint: Endpoint, row: ListedModel): Endpoint {
  return Object.freeze({
    ...endpoint,
    contextWindow: endpoint.contextWindow ?? row.contextWindow,
    maxOutputTokens: endpoint.maxOutputTokens ?? row.maxOutputTokens,
    supportedParameters: endpoint.supportedParameters ?? row.listing.supportedParameters,
    price: endpoint.price ?? row.price,
  })
}

/** Nothing for a kind of model that no API route of ours serves. */
function asModel(row: ListedModel): Model[] {
  const { listing, displayName, contextWindow, maxOutputTokens, price } = row
  const kind = kindOf(listing.outputs)
  if (kind === undefined) return []
  const endpoint: Endpoint = {
    id: `openrouter/${listing.slug}`,
    provider: 'openrouter',
    modelId: listing.slug,
    model: listing.slug,
    priority: PRIORITY,
    contextWindow,
    maxOutputTokens,
    supportedParameters: listing.supportedParameters,
    price,
  }
  const model = {
    id: listing.slug,
    displayName,
    kind,
    tier: price?.input === 0n ? 'free' : 'listed',
    capabilities: capabilitiesOf(row),
    contextWindow,
    maxOutputTokens,
    endpoints: [endpoint],
    listing,
    isDiscovered: true,
  }
  return [Object.freeze(model)]
}

const KINDS: readonly (readonly [string, ModelKind])[] = [
  ['text', 'chat'],
  ['embeddings', 'embedding'],
  ['speech', 'speech'],
  ['transcription', 'transcription'],
  ['rerank', 'rerank'],
]

function kindOf(outputs: readonly string[]): ModelKind | undefined {
  return KINDS.find(([output]) => outputs.includes(output))?.[1]
}

/** Capabilities in the vocabulary of the models file, by OpenRouter's parameter and modality names. */
const WORDS: Readonly<Record<string, string>> = { tools: 'tool_calling', reasoning: 'reasoning' }
const INPUT_WORDS: Readonly<Record<string, string>> = {
  image: 'vision',
  audio: 'audio_input',
  file: 'file',
  video: 'video_input',
}

function capabilitiesOf({
  listing: { supportedParameters, inputs, outputs },
}: ListedModel): readonly string[] {
  return [
    ...supportedParameters.flatMap((name) => WORDS[name] ?? []),
    ...inputs.flatMap((name) => INPUT_WORDS[name] ?? []),
    ...outputs.filter((name) => name !== 'text').map((name) => `${name}_output`),
  ]
}

/** Ledger rows name the version of the prices that they used, so other prices make another version. */
function versionOf(version: string, listed: readonly ListedModel[]): string {
  const prices = listed.map(({ listing }) => [listing.slug, listing.row['pricing']])
  return `${version}+${createHash('sha256').update(JSON.stringify(prices)).digest('hex').slice(0, 8)}`
}
