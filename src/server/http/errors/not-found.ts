import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { editDistance } from '../../../base/edit-distance.ts'
import { BrokerError } from '../../../base/errors.ts'
import { shortName } from '../../../base/text.ts'

/** How many neighbours a miss is told about. */
const NEIGHBOURS = 3

/** What a door serves, kept to answer well when somebody misses it. */
export interface RouteBook {
  /** Why no route was found: the wrong method (sets `Allow`), or an unknown path with the nearest known ones. */
  explainMiss(request: FastifyRequest, reply: FastifyReply): BrokerError
}

/** Writes down every route that is added to `door` from now on. */
export function createRouteBook(door: FastifyInstance): RouteBook {
  const methodsOf = new Map<string, Set<string>>()
  door.addHook('onRoute', ({ url, method }) => {
    const methods = methodsOf.get(url) ?? new Set()
    for (const name of [method].flat()) methods.add(name)
    methodsOf.set(url, methods)
  })
  return {
    explainMiss(request, reply) {
      const path = request.url.split('?', 1)[0] ?? ''
      const allowed = [...methodsOf]
        .filter(([url]) => patternOf(url).test(path))
        .flatMap(([, methods]) => [...methods])
      if (allowed.length > 0) {
        const allow = [...new Set(allowed)].sort().join(', ')
        void reply.header('allow', allow)
        return new BrokerError(
          'wrong-method',
          `${request.method} is not served at ${shortName(path)}; it takes ${allow}`,
        )
      }
      const near = nearest(path, [...methodsOf.keys()])
      return new BrokerError(
        'not-found',
        `nothing is served at ${shortName(path)}; nearest: ${near.join(', ')}`,
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

function nearest(path: string, urls: readonly string[]): readonly string[] {
  return urls
    .map((url) => ({ url, far: editDistance(path, url) }))
    .sort((one, other) => one.far - other.far)
    .slice(0, NEIGHBOURS)
    .map(({ url }) => url)
}
