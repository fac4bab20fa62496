import type { IncomingMessage } from 'node:http'
import { BrokerError } from '../../../base/errors.ts'

/** Maximum number of header lines; more than any well-behaved client sends. */
export const MAX_HEADERS = 100

/**
 * Why a request is refused that `node:http` would let pass, before any route sees it; `undefined` when it is fine.
 * Cheap, because it runs for every request.
 */
export function rejectReason(request: IncomingMessage): BrokerError | undefined {
  const { method, url = '', rawHeaders } = request
  if (method === 'TRACE') return methodNotServed('TRACE')
  // Absolute-form and authority-form belong to proxies, which we are not.
  if (!url.startsWith('/') && url !== '*')
    return badRequest('the request target must be a path such as /v1/models')
  if (rawHeaders.length > 2 * MAX_HEADERS) {
    return new BrokerError('headers-too-large', `more than ${MAX_HEADERS} header lines`)
  }
  return hostError(request) ?? upgradeError(request)
}

/** The error for a method that no route has. */
export function methodNotServed(method: string): BrokerError {
  return new BrokerError('wrong-method', `${method} is not served here`)
}

/** RFC 9112, section 3.2: exactly one Host line; `node:http` keeps the first of several and reports no error. */
function hostError({ rawHeaders, httpVersionMinor }: IncomingMessage): BrokerError | undefined {
  let hosts = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts++
  }
  if (hosts > 1) return badRequest('more than one Host header')
  if (hosts === 0 && httpVersionMinor > 0) return badRequest('no Host header')
  return undefined
}

/** We never switch protocols. An offer of `h2c` may be ignored, and Java's own client always makes it. */
function upgradeError({ headers }: IncomingMessage): BrokerError | undefined {
  const wanted = headers.upgrade
  if (wanted === undefined || wanted === 'h2c') return undefined
  return new BrokerError('no-upgrade', 'upgrades are not served here; streams come as server-sent events', {
    // A response with this status names a protocol that is served.
    details: { headers: { upgrade: 'HTTP/1.1' } },
  })
}

function badRequest(message: string): BrokerError {
  return new BrokerError('bad-request', message)
}
