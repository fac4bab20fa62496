import type { IncomingMessage, ServerResponse } from 'node:http'
import { BrokerError } from '../../base/errors.ts'
import { bearerProof } from './authenticate.ts'
import type { RequestListener } from './node/node-server.ts'
import type { Guard } from './node/request-types.ts'

/** The origins of web pages that may use the broker from a browser (WHATWG Fetch, “CORS protocol”). */
export type AllowedOrigins = ReadonlySet<string>

const METHODS = 'GET, POST, PUT, PATCH, DELETE'
const MAX_AGE_S = '600'
/** Field names with commas between; anything else is not repeated in a header of ours. */
const FIELD_NAMES = /^[\w!#$%&'*+.^`|~-]+( *, *[\w!#$%&'*+.^`|~-]+)*$/

/**
 * Lets the pages of these origins read responses, errors included, and answers their browsers' preflight requests. Requests from
 * elsewhere pass as they are. Credentials of the browser, such as cookies, are never allowed: a page shows a token.
 */
export function allowOrigins(
  origins: AllowedOrigins | undefined,
): (serve: RequestListener) => RequestListener {
  if (origins === undefined || origins.size === 0) return (serve) => serve
  return (serve) => (request, response) => {
    const { origin } = request.headers
    if (origin === undefined || !origins.has(origin)) return serve(request, response)
    response.setHeader('access-control-allow-origin', origin)
    response.setHeader('vary', 'origin')
    if (isPreflight(request)) return answerPreflight(request, response)
    response.setHeader('access-control-expose-headers', '*')
    return serve(request, response)
  }
}

/** Throws `unauthorized` for a page of these origins without a valid token: the address of a browser is no identity of its page. */
export function requireTokenOfPages(origins: AllowedOrigins): Guard {
  return (request) => {
    const { origin } = request.headers
    if (origin === undefined || !origins.has(origin) || bearerProof(request) !== undefined) return
    throw new BrokerError(
      'unauthorized',
      'a web page of another origin needs a token: send Authorization: Bearer <token>',
    )
  }
}

function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
}

function answerPreflight({ headers }: IncomingMessage, response: ServerResponse): void {
  const wanted = headers['access-control-request-headers'] ?? ''
  response.writeHead(204, {
    'access-control-allow-methods': METHODS,
    'access-control-allow-headers': FIELD_NAMES.test(wanted) ? wanted : 'authorization, content-type',
    'access-control-max-age': MAX_AGE_S,
    ...(headers['access-control-request-private-network'] === 'true' && {
      'access-control-allow-private-network': 'true',
    }),
  })
  response.end()
}
