import type { FastifyInstance } from 'fastify'
import { join } from 'node:path'
import type { NetConnectOpts } from 'node:net'
import { bindTcp, bindUnixSocket } from '../../../src/runtime/bind.ts'
import { createHttpServer, type HttpServerOptions } from '../../../src/server/http/http-server.ts'
import { sendRaw, type RawResponse } from '../../support/raw-http.ts'
import { tempFolder } from '../../support/temp-folder.ts'

/** The server of a test, listening on a real socket. */
export interface OpenServer extends AsyncDisposable {
  readonly server: FastifyInstance
  readonly where: NetConnectOpts
  /** What the server logged as bugs. */
  readonly bugs: readonly object[]
  /** Sends these lines as a request head, with `Host` and `Connection: close` added, and the body after it. */
  send(lines: string, body?: string): Promise<RawResponse | undefined>
}

type Setup = Partial<HttpServerOptions> & {
  readonly tcp?: string
  readonly routes?: (server: FastifyInstance) => void
}

/** Opens a server on a Unix socket, or on the given `tcp` address. */
export async function openServer({ tcp, routes, ...options }: Setup = {}): Promise<OpenServer> {
  const temp = tempFolder()
  const bugs: object[] = []
  const logger = { error: (details: object) => bugs.push(details) }
  const server = createHttpServer({
    name: 'test',
    bodyLimit: 1024,
    trustForwarded: tcp === undefined,
    logger,
    ...options,
  })
  routes?.(server)
  await server.ready()
  const where = tcp === undefined ? await onUnix(server, temp.path) : await onTcp(server, tcp)
  return {
    server,
    where,
    bugs,
    send: (lines, body = '') => {
      const length = body === '' ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`
      const head = `${lines.replaceAll('\n', '\r\n')}\r\nhost: localhost\r\nconnection: close\r\n${length}\r\n`
      return sendRaw(where, head + body)
    },
    async [Symbol.asyncDispose]() {
      await server.close()
      temp[Symbol.dispose]()
    },
  }
}

async function onUnix(server: FastifyInstance, folder: string): Promise<NetConnectOpts> {
  const { path } = await bindUnixSocket(server.server, join(folder, 'd', 'a.sock'))
  return { path }
}

async function onTcp(server: FastifyInstance, host: string): Promise<NetConnectOpts> {
  const { port } = await bindTcp(server.server, host, 0)
  return { host, port }
}

/** The error in the body of a response. */
export function errorOf(answer: RawResponse | undefined): unknown {
  return JSON.parse(answer?.body ?? 'null')?.error
}
