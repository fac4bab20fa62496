import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { BrokerError } from '../../../base/errors.ts'
import { findNearest } from '../../../base/nearest-names.ts'
import { truncate } from '../../../base/text.ts'

/** How many of the nearest routes a 404 names. */
const MAX_SUGGESTIONS = 3

/** The routes of a server, kept so that a 404 or 405 can be explained. */
export interface RouteTable {
  /** Explains why no route matched: the wrong method (sets `Allow`), or an unknown path, with the nearest known ones. */
  explainNotFound(request: FastifyRequest, reply: FastifyReply): BrokerError
}

/** Records every route that is added to the server from now on. */
export function createRouteTable(server: FastifyInstance): RouteTable {
  const methodsOf = new Map<string, Set<string>>()
  server.addHook('onRoute', ({ url, method }) => {
    const methods = methodsOf.get(url) ?? new Set()
    for (const name of [method].flat()) methods.add(name)
    methodsOf.set(url, methods)
  })
  return {
    explainNotFound(request, reply) {
      const path = request.url.split('?', 1)[0] ?? ''
      const allowed = [...methodsOf]
        .filter(([url]) => patternOf(url).test(path))
        .flatMap(([, methods]) => [...methods])
      if (allowed.length > 0) {
        const allow = [...new Set(allowed)].sort().join(', ')
        void reply.header('allow', allow)
        return new BrokerError(
          'wrong-method',
          `${request.method} is not served at ${truncate(path)}; it takes ${allow}`,
        )
      }
      const suggestions = findNearest(methodsOf.keys(), path, { kind: 'path', limit: MAX_SUGGESTIONS })
      return new BrokerError(
        'not-found',
        `nothing is served at ${truncate(path)}; nearest: ${suggestions.join(', ')}`,
      )
    },
  }
}

/** `/models/:author/*` as a regular expression. */
function patternOf(url: string): RegExp {
  const source = url
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/:[^/]+/g, '[^/]+')
    .replace(/\*/g, '.*')
  return new RegExp(`^${source}/?$`)
}
