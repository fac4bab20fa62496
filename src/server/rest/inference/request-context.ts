import type { Asker } from '../../../inference/request/inference-request.ts'
import type { Rooms } from '../../../inference/services/services.ts'
import type { DoorRequest } from '../../http/node/request-types.ts'
import { findCaller } from '../../http/authenticate.ts'

/** The caller of a request, with its attribution headers or the configured ones. Throws as `authenticate` does. */
export function askerOf(request: DoorRequest, { attribution }: Rooms): Asker {
  const { headers } = request
  return {
    caller: findCaller(request),
    referer: textOf(headers['http-referer'] ?? headers.referer) ?? attribution.referer,
    title: textOf(headers['x-openrouter-title'] ?? headers['x-title']) ?? attribution.title,
    headers,
  }
}

/** Long enough for the name or address of any app. */
const MOST_CHARACTERS = 512

function textOf(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, MOST_CHARACTERS) : undefined
}
