import { BrokerError } from '../base/errors.ts'
import type { Catalog, Endpoint, Model, ModelKind } from '../catalog/catalog.ts'
import { findByName } from '../catalog/find-model.ts'
import { nearest } from '../catalog/nearest.ts'

/** What a model name may stand for: one of the automatic choices, or the endpoints it names. */
export type Resolved =
  | { readonly type: 'auto'; readonly strategy: Strategy | undefined }
  | { readonly type: 'endpoints'; readonly endpoints: readonly Endpoint[] }

export type Strategy = 'cheapest' | 'best'

const AUTOMATIC: Readonly<Record<string, Strategy | undefined>> = {
  auto: undefined,
  'openrouter/auto': undefined,
  autocheapest: 'cheapest',
  autobest: 'best',
}

/**
 * Reads a model name: an automatic choice, our own name, OpenRouter's `author/slug`, or `provider/model_id`. A name
 * that is OpenRouter's means the model wherever it is offered; `provider/model_id` means that endpoint alone.
 * Throws `no-such-model` with the nearest names.
 */
export function resolveModel(name: string, kind: ModelKind, catalog: Catalog): Resolved {
  if (Object.hasOwn(AUTOMATIC, name)) return { type: 'auto', strategy: AUTOMATIC[name] }
  const found = findByName(catalog, name)
  if (found === undefined) throw noSuchModel(name, kind, catalog)
  checkKind(found.model, kind)
  return { type: 'endpoints', endpoints: found.type === 'model' ? found.model.endpoints : [found.endpoint] }
}

function checkKind(model: Model, kind: ModelKind): void {
  if (model.kind === kind) return
  throw new BrokerError(
    'bad-request',
    `“${model.id}” is a model for ${model.kind}, it can't be asked for ${kind}`,
  )
}

function noSuchModel(name: string, kind: ModelKind, catalog: Catalog): BrokerError {
  const names = [...catalog.models.values()].filter((model) => model.kind === kind).map((model) => model.id)
  const near = nearest(names, name, 3)
  const hint =
    near.length > 0
      ? `did you mean ${near.map((other) => `“${other}”`).join(' or ')}?`
      : 'GET /v1/models lists what is on offer'
  return new BrokerError(
    'no-such-model',
    `No endpoints found for ${name}. There is no such model here; ${hint}`,
  )
}
