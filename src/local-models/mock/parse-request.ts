// Steps that all routes of the mock provider share.
import type { z } from 'zod'
import { BrokerError } from '../../base/errors.ts'
import { truncate } from '../../base/text.ts'
import { fieldError } from '../../wire/openai/field-error.ts'
import type { ModelKind } from '../../catalog/catalog.ts'
import type { Behaviour } from './directives.ts'
import { errorBody, pause, sendJson, type Exchange } from './exchange.ts'
import { mockModels, type MockModel } from './models.ts'

/** Validates the request by `schema`. Throws `bad-request`, naming the field. */
export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const { success, data } = schema.safeParse(value)
  if (success) return data
  throw fieldError(schema, value)
}

/** The model of that kind. Throws `no-such-model`, naming those that exist. */
export function modelFor(id: string, kind: ModelKind): MockModel {
  const found = mockModels.find((model) => model.id === id && model.kind === kind)
  if (found !== undefined) return found
  const known = mockModels.filter((model) => model.kind === kind).map((model) => model.id)
  throw new BrokerError(
    'no-such-model',
    `loopback has no ${kind} model “${truncate(id)}”; it has: ${known.join(', ')}`,
  )
}

/** Applies the directives `delay` and `status`; true when the exchange is over. */
export async function refuse(
  exchange: Exchange,
  { delayMs, status, retryAfter }: Behaviour,
): Promise<boolean> {
  await pause(exchange, delayMs)
  if (exchange.signal.aborted) return true
  if (status === 200) return false
  if (retryAfter !== undefined) exchange.response.setHeader('retry-after', retryAfter)
  sendJson(
    exchange,
    errorBody(`loopback responds with ${status}, as its directive says`, typeOf(status), status),
    status,
  )
  return true
}

function typeOf(status: number): string {
  if (status === 429) return 'rate_limit_error'
  return status < 500 ? 'invalid_request_error' : 'server_error'
}
