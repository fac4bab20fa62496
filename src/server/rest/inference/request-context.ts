import type { RequestContext } from '../../../inference/request/inference-request.ts'
import type { InferenceServices } from '../../../inference/services/services.ts'
import type { HttpRequest } from '../../http/node/request-types.ts'
import type { ApiShape } from '../shapes/api-shape.ts'
import { readHop } from '../../../cascade/hop/read-hop.ts'
import { authenticate } from '../../http/authenticate.ts'

/** The caller of a request, with its attribution headers or the configured ones. Throws as `authenticate` and `readHop` do. */
export function requestContextOf(
  request: HttpRequest,
  { attribution, cascade }: InferenceServices,
  { responses }: ApiShape,
): RequestContext {
  const { headers } = request
  return {
    caller: authenticate(request),
    referer: textOf(headers['http-referer'] ?? headers.referer) ?? attribution.referer,
    title: textOf(headers['x-openrouter-title'] ?? headers['x-title']) ?? attribution.title,
    headers,
    shape: responses,
    hop: cascade === undefined ? undefined : readHop(headers, cascade.brokerId),
  }
}

/** Long enough for the name or address of any app. */
const MAX_CHARACTERS = 512

function textOf(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, MAX_CHARACTERS) : undefined
}
