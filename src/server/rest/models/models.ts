import type { FastifyReply, FastifyRequest } from 'fastify'
import { BrokerError } from '../../../base/errors.ts'
import { shortName } from '../../../base/text.ts'
import type { Rooms } from '../../../inference/services/services.ts'
import type { Model } from '../../../catalog/catalog.ts'
import { findByName } from '../../../catalog/find-model.ts'
import { modelRow, outputsOf } from './model-json.ts'
import { filtered, inSort, type Listed } from './model-filters.ts'
import { modelEndpoints } from './model-endpoints.ts'

type Query = Readonly<Record<string, unknown>>

/** `GET /models`: the models that can be requested now. Without `offset` and `limit` the complete list. */
export function getModels(request: FastifyRequest, reply: FastifyReply, rooms: Rooms): object {
  const query = request.query as Query
  const rows = sorted(filtered(listedModels(rooms), query, rooms), query, rooms).map(({ row }) => row)
  void reply.header('cache-control', 'no-cache')
  return page(rows, query)
}

/** `GET /models/count`. */
export function getModelsCount(request: FastifyRequest, _reply: FastifyReply, rooms: Rooms): object {
  return { data: { count: filtered(listedModels(rooms), request.query as Query, rooms).length } }
}

/** `GET /embeddings/models`. */
export function getEmbeddingModels(request: FastifyRequest, _reply: FastifyReply, rooms: Rooms): object {
  const query = { ...(request.query as Query), output_modalities: 'embeddings' }
  return page(
    sorted(filtered(listedModels(rooms), query, rooms), query, rooms).map(({ row }) => row),
    query,
  )
}

/** `GET /models/{id}` as OpenAI has it, and `GET /models/{author}/{slug}/endpoints`; names may hold slashes. */
export async function getModelsBelow(
  request: FastifyRequest,
  _reply: FastifyReply,
  rooms: Rooms,
): Promise<object> {
  const path = (request.params as { '*': string })['*']
  const name = path.replace(/\/endpoints$/, '')
  return name === path
    ? listed(name, rooms).row
    : { data: await modelEndpoints(modelNamed(name, rooms), rooms) }
}

/** `GET /model/{author}/{slug}`. */
export function getModel(request: FastifyRequest, _reply: FastifyReply, rooms: Rooms): object {
  return { data: listed((request.params as { '*': string })['*'], rooms).row }
}

function listedModels(rooms: Rooms): Listed[] {
  return [...rooms.catalog().models.values()].flatMap((model) => asListed(model, rooms) ?? [])
}

/** A model with the endpoint that would be tried first; `undefined` when no provider that offers it is configured. */
function asListed(model: Model, { providers }: Rooms): Listed | undefined {
  const endpoint = model.endpoints.find(({ provider }) => providers().has(provider))
  return endpoint === undefined ? undefined : { model, endpoint, row: modelRow(model, endpoint) }
}

function listed(name: string, rooms: Rooms): Listed {
  const found = asListed(modelNamed(name, rooms), rooms)
  if (found !== undefined) return found
  throw new BrokerError('not-found', `“${name}” is known, but no provider that offers it is set up here`)
}

function modelNamed(name: string, rooms: Rooms): Model {
  const found = findByName(rooms.catalog(), name) ?? findByName(rooms.catalog(), name.replace(/:[a-z]+$/, ''))
  if (found !== undefined) return found.model
  throw new BrokerError(
    'not-found',
    `Model ${shortName(name)} not found; GET /v1/models lists what is on offer`,
  )
}

/** By the `sort` parameter, else models with text output first, because OpenRouter lists only those by default. */
function sorted(models: readonly Listed[], query: Query, rooms: Rooms): readonly Listed[] {
  const rank = ({ model }: Listed): number => (outputsOf(model).includes('text') ? 0 : 1)
  return inSort(
    [...models].sort((a, b) => rank(a) - rank(b)),
    query['sort'],
    rooms,
  )
}

const USUAL_LIMIT = 500
const MOST_LIMIT = 1000

function page(rows: readonly object[], query: Query): object {
  const [offset, limit] = [wholeOf(query, 'offset'), wholeOf(query, 'limit')]
  const total_count = rows.length
  if (offset === undefined && limit === undefined)
    return { object: 'list', data: rows, total_count, links: { next: null } }
  const from = offset ?? 0
  const count = Math.min(limit ?? USUAL_LIMIT, MOST_LIMIT)
  const next = from + count < total_count ? `/api/v1/models?offset=${from + count}&limit=${count}` : null
  return { object: 'list', data: rows.slice(from, from + count), total_count, links: { next } }
}

function wholeOf(query: Query, name: string): number | undefined {
  const value = query[name]
  if (value === undefined || value === '') return undefined
  const number = Number(value)
  if (Number.isInteger(number) && number >= 0) return number
  throw new BrokerError('bad-request', `“${name}” must be a whole number`)
}
