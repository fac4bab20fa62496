import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { homeFolder } from '../base/host/home-folder.ts'

/** The two sockets that a client needs. */
export interface BrokerSockets {
  readonly rpc: string
  readonly rest: string
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Where the broker's sockets are on this machine. Reads the variables in the broker's order; there are three names for
 * the folder because Hero's tools renamed the variable twice. `~` is the home folder. Throws `bad-request` where a path
 * depends on a home folder and there is none.
 */
export function defaultSockets(environment: Environment): BrokerSockets {
  const home = (): string =>
    homeFolder(readVariable(environment, 'HOME'), homedir, 'HERO_SOCKET_DIR, the folder of the sockets')
  const pathIn = (name: string) => {
    const path = readVariable(environment, name)
    return path === undefined ? undefined : resolve(path.replace(/^~(?=\/|$)/, home))
  }
  const varFolder = (): string =>
    pathIn('PATH_VAR') ?? join(pathIn('PATH_ROOT') ?? join(home(), 'hero'), 'var')
  const configuredFolder = pathIn('PATH_SOCKETS') ?? pathIn('PATH_SOCKET') ?? pathIn('HERO_SOCKET_DIR')
  return socketsIn(join(configuredFolder ?? join(varFolder(), 'sockets'), 'hero_aibroker'))
}

/** The two sockets, from the path of either of them or of their folder. */
export function socketsAt(path: string): BrokerSockets {
  const slash = path.lastIndexOf('/')
  const file = path.slice(slash + 1)
  if (file === 'rpc.sock' || file === 'rest.sock') return socketsIn(slash === -1 ? '.' : path.slice(0, slash))
  return file.endsWith('.sock') ? { rpc: path, rest: path } : socketsIn(path.replace(/\/+$/, ''))
}

function socketsIn(folder: string): BrokerSockets {
  return { rpc: `${folder}/rpc.sock`, rest: `${folder}/rest.sock` }
}

/** The value of a variable; an empty one counts as absent. */
function readVariable(environment: Environment, name: string): string | undefined {
  const value = environment[name]?.trim()
  return value === '' ? undefined : value
}
