import type { Secret } from '../../base/secret.ts'
import type { Lease } from '../keys/key-pool.ts'
import type { ProviderDefinition, ProviderRequest } from '../provider.ts'

/** The headers of one request, sent with the key of `lease`. */
export type HeadersOf = (lease: Lease, request: ProviderRequest) => string[]

/** Most providers get the same headers with each request. They share one array per key, so its bytes are written only once. */
export function createHeaders(definition: ProviderDefinition): HeadersOf {
  const byKey: string[][] = []
  if (definition.quirks?.speaksOpenRouter === true)
    return (lease, request) => [
      ...(request.media?.form === undefined ? providerHeaders : formHeaders)(definition, lease.key),
      ...routerHeaders(request),
    ]
  return (lease, { media }) =>
    media?.form === undefined
      ? (byKey[lease.index] ??= providerHeaders(definition, lease.key))
      : formHeaders(definition, lease.key)
}

function providerHeaders(definition: ProviderDefinition, key: Secret | undefined): string[] {
  return ['content-type', 'application/json', ...formHeaders(definition, key)]
}

/** Without the content type, which a form has of its own. */
function formHeaders(definition: ProviderDefinition, key: Secret | undefined): string[] {
  const headers = ['accept-encoding', 'identity']
  headers.push('user-agent', 'hero-aibroker')
  if (key !== undefined) headers.push('authorization', `Bearer ${key.reveal()}`)
  return [...headers, ...Object.entries(definition.headers ?? {}).flat()]
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

function routerHeaders({ headers: received, referer, title }: ProviderRequest): string[] {
  const headers: string[] = []
  for (const name of ROUTER_HEADERS) {
    const value = received?.[name]
    if (typeof value === 'string') headers.push(name, value)
  }
  if (referer !== undefined) headers.push('http-referer', referer)
  if (title !== undefined) headers.push('x-title', title, 'x-openrouter-title', title)
  return headers
}
