import type { FastifyRequest } from 'fastify'

import type { Caller } from '../../contexts/caller.ts'
import type { Role } from '../../wire/rpc-method.ts'

export type RoleFinder = (caller: Caller, request: FastifyRequest) => Role

/**
 * On a Unix socket whoever may open the file administers the broker, as the file's owner could anyway. A request that a
 * front passes on speaks for somebody else, and that one is a caller.
 */
export const roleOnSocket: RoleFinder = (_caller, { headers }) =>
  FRONT_HEADERS.some((name) => headers[name] !== undefined) ? 'caller' : 'admin'

const FRONT_HEADERS = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'x-hero-context', 'via'] as const

/** On TCP only the administrator's token makes one; where it is asked for, nobody comes in without it. */
export function roleOnTcp(asksForToken: boolean): RoleFinder {
  return () => (asksForToken ? 'admin' : 'caller')
}
