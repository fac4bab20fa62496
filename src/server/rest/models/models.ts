import type { FastifyReply, FastifyRequest } from 'fastify'
import { BrokerError } from '../../../base/errors.ts'
import { truncate } from '../../../base/text.ts'
import type { AdminServices } from '../../../inference/services/services.ts'
import type { Allowed } from '../../../inference/services/access-policy.ts'
import { offeredTo, requestableBy } from '../../../inference/services/offered.ts'
import { authenticate } from '../../http/authenticate.ts'
import type { Model } from '../../../catalog/catalog.ts'
import { findByName } from '../../../catalog/find-model.ts'
import { listFormFor } from './list-forms.ts'
import { motherRow } from './mother-row.ts'
import { CASCADE_HEADER } from '../../../cascade/hop/hop-headers.ts'
import { modelRow, outputsOf } from './model-json.ts'
import { filterModels, sortModels, type Listed } from './model-filters.ts'
import { parametersTaken } from './supported-parameters.ts'
import { modelEndpoints } from './model-endpoints.ts'

type Query = Readonly<Record<string, unknown>>

/** `GET /models`: the models that the caller may request now. Without `offset` and `limit` the complete list. */
export function getModels(request: FastifyRequest, reply: FastifyReply, services: AdminServices): object {
  const query = request.query as Query
  const form = listFormFor(request)
  void reply.header('cache-control', 'no-cache')
  if (form !== undefined) {
    const models = listedModels(request, services).filter(({ model }) => outputsOf(model).includes('text'))
    return form.list(models, query)
  }
  const listed = sorted(filterModels(listedModels(request, services), query, services), query, services)
  const isForBroker = request.headers[CASCADE_HEADER] !== undefined
  const rows = listed.map((each) =>
    isForBroker ? { ...each.row, x_aibroker: motherRow(each, services.providers()) } : each.row,
  )
  return page(rows, query)
}

/** `GET /models/count`. */
export function getModelsCount(
  request: FastifyRequest,
  _reply: FastifyReply,
  services: AdminServices,
): object {
  return {
    data: { count: filterModels(listedModels(request, services), request.query as Query, services).length },
  }
}

/** `GET /embeddings/models`. */
export function getEmbeddingModels(
  request: FastifyRequest,
  _reply: FastifyReply,
  services: AdminServices,
): object {
  const query = { ...(request.query as Query), output_modalities: 'embeddings' }
  return page(
    sorted(filterModels(listedModels(request, services), query, services), query, services).map(
      ({ row }) => row,
    ),
    query,
  )
}

/** `GET /models/{id}` as OpenAI has it, and `GET /models/{author}/{slug}/endpoints`; names may hold slashes. */
export async function getModelsBelow(
  request: FastifyRequest,
  _reply: FastifyReply,
  services: AdminServices,
): Promise<object> {
  const path = (request.params as { '*': string })['*']
  const name = path.replace(/\/endpoints$/, '')
  const allowed = requestableBy(authenticate(request), services)
  const form = listFormFor(request)
  if (form !== undefined) return form.one(listed(path, allowed))
  return name === path
    ? listed(name, allowed).row
    : { data: await modelEndpoints(modelNamed(name, allowed), services) }
}

/** `GET /model/{author}/{slug}`. */
export function getModel(request: FastifyRequest, _reply: FastifyReply, services: AdminServices): object {
  const allowed = requestableBy(authenticate(request), services)
  return { data: listed((request.params as { '*': string })['*'], allowed).row }
}

function listedModels(request: FastifyRequest, services: AdminServices): Listed[] {
  const { catalog, providers } = offeredTo(authenticate(request), services)
  return [...catalog.models.values()].flatMap((model) => toListed(model, providers) ?? [])
}

/** A model with the endpoint that would be tried first; `undefined` when no provider that offers it is configured. */
function toListed(model: Model, providers: Allowed['providers']): Listed | undefined {
  const endpoints = model.endpoints.filter(({ provider }) => providers.has(provider))
  const [endpoint] = endpoints
  if (endpoint === undefined) return undefined
  return { model, endpoint, row: modelRow(model, endpoint, parametersTaken(model, endpoints, providers)) }
}

function listed(name: string, allowed: Allowed): Listed {
  const model = modelNamed(name, allowed)
  const found = toListed(model, allowed.providers)
  if (found !== undefined) return found
  throw new BrokerError('not-found', `“${name}” is known, but no provider that offers it is set up here`)
}

function modelNamed(name: string, { catalog }: Allowed): Model {
  const found = findByName(catalog, name) ?? findByName(catalog, name.replace(/:[a-z]+$/, ''))
  if (found !== undefined) return found.model
  throw new BrokerError(
    'not-found',
    `Model ${truncate(name)} not found; GET /v1/models lists what is on offer`,
  )
}

/** By the `sort` parameter, else models with text output first, because OpenRouter lists only those by default. */
function sorted(models: readonly Listed[], query: Query, services: AdminServices): readonly Listed[] {
  const rank = ({ model }: Listed): number => (outputsOf(model).includes('text') ? 0 : 1)
  return sortModels(
    [...models].sort((a, b) => rank(a) - rank(b)),
    query['sort'],
    services,
  )
}

const DEFAULT_LIMIT = 500
const MAX_LIMIT = 1000

function page(rows: readonly object[], query: Query): object {
  const [offset, limit] = [integerOf(query, 'offset'), integerOf(query, 'limit')]
  const total_count = rows.length
  if (offset === undefined && limit === undefined)
    return { object: 'list', data: rows, total_count, links: { next: null } }
  const from = offset ?? 0
  const count = Math.min(limit ?? DEFAULT_LIMIT, MAX_LIMIT)
  const next = from + count < total_count ? `/api/v1/models?offset=${from + count}&limit=${count}` : null
  return { object: 'list', data: rows.slice(from, from + count), total_count, links: { next } }
}

function integerOf(query: Query, name: string): number | undefined {
  const value = query[name]
  if (value === undefined || value === '') return undefined
  const number = Number(value)
  if (Number.isInteger(number) && number >= 0) return number
  throw new BrokerError('bad-request', `“${name}” must be a whole number`)
}
