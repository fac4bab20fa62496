import { join } from 'node:path'
import { BrokerError } from '../base/errors.ts'

/** `sun_path` is 108 bytes with its closing zero on Linux; libuv cuts a longer path silently. */
const LONGEST_PATH = 107

const SERVICE = 'hero_aibroker'

/** The four sockets we serve, by what speaks on them. */
export interface SocketPaths {
  /** The folder that holds them and nothing else of anybody's. */
  readonly folder: string
  readonly rest: string
  readonly rpc: string
  readonly web: string
  readonly admin: string
}

/** Where the sockets lie under Hero's socket folder. Throws `cannot-start` when the kernel could not hold such a path. */
export function socketPaths(socketDir: string): SocketPaths {
  const folder = join(socketDir, SERVICE)
  const path = (name: string) => checkSocketPath(join(folder, name))
  return {
    folder,
    rest: path('rest.sock'),
    rpc: path('rpc.sock'),
    web: path('web_v1.sock'),
    admin: path('admin.sock'),
  }
}

/** The path itself when it fits into a socket address; otherwise throws `cannot-start`. */
export function checkSocketPath(path: string): string {
  const length = Buffer.byteLength(path)
  if (length <= LONGEST_PATH) return path
  throw new BrokerError(
    'cannot-start',
    `the socket path ${path} is ${length} bytes long, the system allows ${LONGEST_PATH}; ` +
      'set HERO_SOCKET_DIR to a shorter folder',
  )
}
