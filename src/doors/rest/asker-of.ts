import type { Asker } from '../../broker/asker.ts'
import type { Rooms } from '../../broker/rooms.ts'
import type { DoorRequest } from '../http/exchange.ts'
import { findCaller } from '../http/find-caller.ts'

export function askerOf(request: DoorRequest, { attribution }: Rooms): Asker {
  const { headers } = request
  return {
    caller: findCaller(request),
    referer: textOf(headers['http-referer'] ?? headers.referer) ?? attribution.referer,
    title: textOf(headers['x-openrouter-title'] ?? headers['x-title']) ?? attribution.title,
    headers,
  }
}

/** Long enough for any app's name or address. */
const MOST_CHARACTERS = 512

function textOf(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, MOST_CHARACTERS) : undefined
}
