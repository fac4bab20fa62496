import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'

import { registerRpc } from '../../src/server/rpc/rpc-server.ts'
import type { RpcOptions } from '../../src/server/rpc/rpc-server.ts'
import { exampleHandlers, exampleStreams } from './rpc-handlers.ts'

/** The RPC server on a Unix socket of its own; disposing it closes the server and removes the socket. */
export interface RpcSocket extends AsyncDisposable {
  readonly folder: string
  readonly path: string
  readonly app: FastifyInstance
  /** Posts a body as it is; returns the status and text of the response. */
  readonly post: (
    body: string | Uint8Array,
    signal?: AbortSignal,
  ) => Promise<{ readonly status: number; readonly text: string }>
  /** Posts one call or a batch; returns the parsed response. */
  readonly call: (call: unknown) => Promise<unknown>
}

/** Starts the RPC server with the example handlers; `options` overrides its options. */
export async function startRpcSocket(options: Partial<RpcOptions> = {}): Promise<RpcSocket> {
  const folder = await mkdtemp(join(tmpdir(), 'rpc-'))
  const path = join(folder, 'rpc.sock')
  const app: FastifyInstance = Fastify()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  )
  registerRpc(app, {
    handlers: exampleHandlers,
    streams: exampleStreams,
    authenticate: () => ({ ip: 'local', context: undefined }),
    version: '1.2.3',
    ...options,
  })
  await app.listen({ path })

  const post: RpcSocket['post'] = async (body, signal) => sendToSocket(path, 'POST', '/rpc', body, signal)
  return {
    folder,
    path,
    app,
    post,
    call: async (call) => JSON.parse((await post(JSON.stringify(call))).text),
    async [Symbol.asyncDispose]() {
      await app.close()
      await rm(folder, { recursive: true })
    },
  }
}

/** One HTTP request over a Unix socket. */
export async function sendToSocket(
  socketPath: string,
  method: string,
  path: string,
  body?: string | Uint8Array,
  signal?: AbortSignal,
) {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' }
  const outgoing = request({ socketPath, method, path, headers, agent: false, signal }).end(body)
  const [incoming]: IncomingMessage[] = await once(outgoing, 'response')
  if (incoming === undefined) throw new Error('no response arrived')
  const text = (await incoming.toArray()).join('')
  return { status: incoming.statusCode ?? 0, text, type: incoming.headers['content-type'] }
}
