import { join } from 'node:path'
import { BrokerError } from '../base/errors.ts'

/** `sun_path` is 108 bytes with its closing zero on Linux, 104 on macOS; libuv cuts a longer path silently. */
export const MAX_PATH_BYTES = process.platform === 'darwin' ? 103 : 107

const SERVICE = 'hero_aibroker'

/** The sockets of the daemon, by protocol. */
export interface SocketPaths {
  /** Their folder, which belongs to the daemon alone. */
  readonly folder: string
  readonly rest: string
  readonly rpc: string
  readonly web: string
  readonly admin: string
  /** The built-in provider, which the daemon calls itself. */
  readonly loopback: string
}

/** The socket paths below Hero's socket folder. Throws `cannot-start` when a path is too long for a socket address. */
export function socketPaths(socketDir: string): SocketPaths {
  const folder = join(socketDir, SERVICE)
  const path = (name: string) => checkSocketPath(join(folder, name))
  return {
    folder,
    rest: path('rest.sock'),
    rpc: path('rpc.sock'),
    web: path('web_v1.sock'),
    admin: path('admin.sock'),
    loopback: path('loopback.sock'),
  }
}

/** Returns the path if it fits into a socket address; otherwise throws `cannot-start`. */
export function checkSocketPath(path: string): string {
  const length = Buffer.byteLength(path)
  if (length <= MAX_PATH_BYTES) return path
  throw new BrokerError(
    'cannot-start',
    `the socket path ${path} is ${length} bytes long, the system allows ${MAX_PATH_BYTES}; ` +
      'set HERO_SOCKET_DIR to a shorter folder',
  )
}
