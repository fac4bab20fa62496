import { unlink } from 'node:fs/promises'
import { connect, type Server } from 'node:net'
import { BrokerError } from '../base/errors.ts'
import type { LocalAddress } from './http-get.ts'

/** What fits into the kernel's `sun_path` on macOS, the smaller one. */
const LONGEST_PATH = 103

/** Listens on a Unix socket in place of a dead one. Throws `upstream-down` when the path is too long or in use. */
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

/** Removes a socket file that nobody answers on. Throws `upstream-down` when somebody answers there already, or the path can't be a socket's. */
export async function clearAddress(address: LocalAddress): Promise<void> {
  const place = 'port' in address ? `127.0.0.1:${address.port}` : address.socketPath
  if (Buffer.byteLength(place) > LONGEST_PATH)
    throw new BrokerError('upstream-down', `the socket path is too long: ${place}`)
  if (await isAnswered(address))
    throw new BrokerError(
      'upstream-down',
      `another process already answers on ${place}: end it, or give the server another place`,
    )
  if ('socketPath' in address) await unlink(address.socketPath).catch(ignoreMissing)
}

function isAnswered(address: LocalAddress): Promise<boolean> {
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
