import type { Lease } from '../keys/key-pool.ts'
import type { ProviderDefinition, ProviderRequest } from '../provider.ts'
import type { ProviderProtocol } from './protocol.ts'

/** The headers of one request, sent with the key of `lease`. */
export type HeadersOf = (lease: Lease, request: ProviderRequest) => string[]

/** Most providers get the same headers with each request. They share one array per key, so its bytes are written only once. */
export function createHeaders(definition: ProviderDefinition, protocol: ProviderProtocol): HeadersOf {
  const byKey: string[][] = []
  if (definition.quirks?.speaksOpenRouter === true)
    return (lease, request) => [
      ...providerHeaders(definition, protocol.keyHeaders(lease.key)),
      ...routerHeaders(request),
    ]
  return (lease) => (byKey[lease.index] ??= providerHeaders(definition, protocol.keyHeaders(lease.key)))
}

function providerHeaders(definition: ProviderDefinition, keyHeaders: readonly string[]): string[] {
  const headers = ['content-type', 'application/json', 'accept-encoding', 'identity']
  headers.push('user-agent', 'hero-aibroker')
  return [...headers, ...keyHeaders, ...Object.entries(definition.headers ?? {}).flat()]
}

/** The caller's headers that steer OpenRouter; none of them identifies the caller. */
const ROUTER_HEADERS = [
  'x-session-id',
  'x-openrouter-metadata',
  'x-openrouter-experimental-metadata',
  'x-openrouter-categories',
  'x-openrouter-app-visibility',
  'x-anthropic-beta',
] as const

function routerHeaders({ headers: received, referer, title, hopHeaders = [] }: ProviderRequest): string[] {
  const headers = [...hopHeaders]
  for (const name of ROUTER_HEADERS) {
    const value = received?.[name]
    if (typeof value === 'string') headers.push(name, value)
  }
  if (referer !== undefined) headers.push('http-referer', referer)
  if (title !== undefined) headers.push('x-title', title, 'x-openrouter-title', title)
  return headers
}
