import type { FastifyRequest } from 'fastify'
import {
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  validateHostHeader,
  validateOriginHeader,
} from '@modelcontextprotocol/server'
import { BrokerError } from '../../base/errors.ts'

/** Names under which browsers may reach the doors. */
export interface AllowedNames {
  readonly hosts: readonly string[]
  readonly origins: readonly string[]
}

export const LOCAL_NAMES: AllowedNames = {
  hosts: localhostAllowedHostnames(),
  origins: localhostAllowedOrigins(),
}

/**
 * Refuses what a web page elsewhere made a browser send: a foreign `Origin`, or a name of its own that it pointed at
 * this machine (DNS rebinding). No browser opens Unix sockets, so there the host is anything. Throws `forbidden`.
 */
export function refuseForeignPages(
  { headers, socket }: FastifyRequest,
  { hosts, origins }: AllowedNames,
): void {
  const origin = validateOriginHeader(headers.origin, [...origins])
  if (!origin.ok) throw new BrokerError('forbidden', 'this origin may not use the tools')
  if (socket.remoteAddress === undefined) return
  const host = validateHostHeader(headers.host, [...hosts])
  if (!host.ok) throw new BrokerError('forbidden', 'this host name is not one of ours')
}
