import { unlink } from 'node:fs/promises'
import { connect, type Server } from 'node:net'
import { BrokerError } from '../base/errors.ts'

/** What fits into the kernel's `sun_path` on macOS, the smaller one. */
const LONGEST_PATH = 103

/** Listens on a Unix socket in place of a dead one. Throws `internal` when the path is too long or in use. */
export async function listenOn(server: Server, socketPath: string): Promise<void> {
  await clearSocket(socketPath)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socketPath, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** Removes a socket file that nobody answers on. Throws `internal` when somebody does, or when the path can't be a socket's. */
export async function clearSocket(socketPath: string): Promise<void> {
  if (Buffer.byteLength(socketPath) > LONGEST_PATH)
    throw new BrokerError('internal', `the socket path is too long: ${socketPath}`)
  if (await isAnswered(socketPath))
    throw new BrokerError('internal', `another process already answers on ${socketPath}`)
  await unlink(socketPath).catch(ignoreMissing)
}

function isAnswered(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

function ignoreMissing(thrown: NodeJS.ErrnoException): void {
  if (thrown.code !== 'ENOENT') throw thrown
}
