import type { FastifyInstance } from 'fastify'
import { join } from 'node:path'
import type { NetConnectOpts } from 'node:net'
import { bindTcp, bindUnixSocket } from '../../../src/runtime/bind.ts'
import { createDoor, type DoorOptions } from '../../../src/server/http/http-server.ts'
import { sendRaw, type RawAnswer } from '../../support/raw-http.ts'
import { tempFolder } from '../../support/temp-folder.ts'

/** The server of a test, listening on a real socket. */
export interface OpenDoor extends AsyncDisposable {
  readonly door: FastifyInstance
  readonly where: NetConnectOpts
  /** What the server logged as bugs. */
  readonly bugs: readonly object[]
  /** Sends these lines as a request head, with `Host` and `Connection: close` added, and the body after it. */
  send(lines: string, body?: string): Promise<RawAnswer | undefined>
}

type Setup = Partial<DoorOptions> & {
  readonly tcp?: string
  readonly routes?: (door: FastifyInstance) => void
}

/** Opens a server on a Unix socket, or on the given `tcp` address. */
export async function openDoor({ tcp, routes, ...options }: Setup = {}): Promise<OpenDoor> {
  const temp = tempFolder()
  const bugs: object[] = []
  const logger = { error: (details: object) => bugs.push(details) }
  const door = createDoor({
    name: 'test',
    bodyLimit: 1024,
    trustForwarded: tcp === undefined,
    logger,
    ...options,
  })
  routes?.(door)
  await door.ready()
  const where = tcp === undefined ? await onUnix(door, temp.path) : await onTcp(door, tcp)
  return {
    door,
    where,
    bugs,
    send: (lines, body = '') => {
      const length = body === '' ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`
      const head = `${lines.replaceAll('\n', '\r\n')}\r\nhost: localhost\r\nconnection: close\r\n${length}\r\n`
      return sendRaw(where, head + body)
    },
    async [Symbol.asyncDispose]() {
      await door.close()
      temp[Symbol.dispose]()
    },
  }
}

async function onUnix(door: FastifyInstance, folder: string): Promise<NetConnectOpts> {
  const { path } = await bindUnixSocket(door.server, join(folder, 'd', 'a.sock'))
  return { path }
}

async function onTcp(door: FastifyInstance, host: string): Promise<NetConnectOpts> {
  const { port } = await bindTcp(door.server, host, 0)
  return { host, port }
}

/** The error in the body of a response. */
export function errorOf(answer: RawAnswer | undefined): unknown {
  return JSON.parse(answer?.body ?? 'null')?.error
}
