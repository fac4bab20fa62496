import { unlink } from 'node:fs/promises'
import { connect, type Server } from 'node:net'
import { BrokerError } from '../base/errors.ts'
import { MAX_PATH_BYTES } from '../runtime/socket-paths.ts'
import type { LocalAddress } from './http-get.ts'

/** Listens on a Unix socket and replaces a stale socket file. Throws `upstream-down` when the path is too long or in use. */
export async function listenOn(server: Server, socketPath: string): Promise<void> {
  await clearAddress({ socketPath })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socketPath, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** Removes a stale socket file. Throws `upstream-down` when a process listens on the address already, or the path is too long for a socket. */
export async function clearAddress(address: LocalAddress): Promise<void> {
  const place = 'port' in address ? `127.0.0.1:${address.port}` : address.socketPath
  if (Buffer.byteLength(place) > MAX_PATH_BYTES)
    throw new BrokerError('upstream-down', `the socket path is too long: ${place}`)
  if (await isListening(address))
    throw new BrokerError(
      'upstream-down',
      `another process already answers on ${place}: end it, or give the server another place`,
    )
  if ('socketPath' in address) await unlink(address.socketPath).catch(ignoreMissing)
}

function isListening(address: LocalAddress): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(
      'port' in address ? { host: '127.0.0.1', port: address.port } : { path: address.socketPath },
    )
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}

function ignoreMissing(thrown: NodeJS.ErrnoException): void {
  if (thrown.code !== 'ENOENT') throw thrown
}
