import type { FastifyInstance } from 'fastify'

const SERVICE = 'hero_aibroker'

/** The manifest of one of our sockets, for Hero's router. */
export interface HeroService {
  /** The protocol of the socket. */
  readonly protocol: 'rest' | 'openrpc' | 'ui'
  /** The socket's name without `.sock`: `rest`, `rpc`, `web_v1`, `admin`. */
  readonly socket: string
  readonly version: string
  readonly title: string
  readonly description: string
}

/**
 * Adds `GET /health` and `GET /.well-known/heroservice.json`, which Hero expects of every socket. `/health` is 503 while
 * `isServing` is false: another socket of the program is not open yet, or not any more.
 */
export function addHeroRoutes(
  server: FastifyInstance,
  { version, ...manifest }: HeroService,
  isServing: () => boolean,
): void {
  const health = JSON.stringify({ status: 'ok', service: SERVICE, version })
  const notServing = JSON.stringify({ status: 'unavailable', service: SERVICE, version })
  const { protocol, socket, title, description } = manifest
  const service = JSON.stringify({ protocol, name: SERVICE, title, version, description, socket })
  server.get('/health', (_request, reply) => {
    const serves = isServing()
    return reply
      .code(serves ? 200 : 503)
      .type('application/json; charset=utf-8')
      .send(serves ? health : notServing)
  })
  server.get('/.well-known/heroservice.json', (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(service),
  )
}
