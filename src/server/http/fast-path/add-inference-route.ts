import type { FastifyInstance, onRequestHookHandler } from 'fastify'
import type { ShortRoute } from './fast-path.ts'

/** Adds a `POST` route both ways: requests that are anyhow unusual come to it through the framework. */
export function addShort(door: FastifyInstance, url: string, route: ShortRoute): void {
  door.shortWay.add(url, route)
  door.route({
    method: 'POST',
    url,
    onRequest: onceIn(() => route.enter()),
    handler: (request, reply) => route.handle(request, reply),
  })
}

/** Lets a request in, or refuses it, before its body is read. */
export function onceIn(enter: ShortRoute['enter']): onRequestHookHandler {
  return (_request, reply, done) => {
    reply.raw.on('close', enter())
    done()
  }
}
