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
      ...(request.media?.form === undefined ? jsonHeaders : formHeaders)(
        definition,
        protocol.keyHeaders(lease.key),
      ),
      ...routerHeaders(request),
    ]
  return (lease, { media }) =>
    media?.form === undefined
      ? (byKey[lease.index] ??= jsonHeaders(definition, protocol.keyHeaders(lease.key)))
      : formHeaders(definition, protocol.keyHeaders(lease.key))
}

function jsonHeaders(definition: ProviderDefinition, keyHeaders: readonly string[]): string[] {
  return ['content-type', 'application/json', ...formHeaders(definition, keyHeaders)]
}

/** Without the content type, which a form has of its own. */
function formHeaders(definition: ProviderDefinition, keyHeaders: readonly string[]): string[] {
  const headers = ['accept-encoding', 'identity']
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
