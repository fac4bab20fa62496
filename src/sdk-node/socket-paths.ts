/** The two sockets that a client needs. */
export interface BrokerSockets {
  readonly rpc: string
  readonly rest: string
}

type Environment = Readonly<Record<string, string | undefined>>

/** Where the broker's sockets are on this machine, by the names that Hero's tools have used for that folder. */
export function defaultSockets(environment: Environment): BrokerSockets {
  const { PATH_SOCKETS, PATH_SOCKET, HERO_SOCKET_DIR, PATH_VAR, PATH_ROOT, HOME } = environment
  const folder =
    given(PATH_SOCKETS) ??
    given(PATH_SOCKET) ??
    given(HERO_SOCKET_DIR) ??
    under(PATH_VAR, 'sockets') ??
    under(PATH_ROOT, 'var/sockets') ??
    `${HOME ?? '~'}/hero/var/sockets`
  return socketsIn(`${folder}/hero_aibroker`)
}

/** The pair of sockets that a path names: one of the two, or the folder that holds them. */
export function socketsAt(path: string): BrokerSockets {
  const slash = path.lastIndexOf('/')
  const file = path.slice(slash + 1)
  if (file === 'rpc.sock' || file === 'rest.sock') return socketsIn(slash === -1 ? '.' : path.slice(0, slash))
  return file.endsWith('.sock') ? { rpc: path, rest: path } : socketsIn(path.replace(/\/+$/, ''))
}

function socketsIn(folder: string): BrokerSockets {
  return { rpc: `${folder}/rpc.sock`, rest: `${folder}/rest.sock` }
}

/** An empty variable is an absent one. */
function given(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : value.replace(/\/+$/, '')
}

function under(folder: string | undefined, path: string): string | undefined {
  const parent = given(folder)
  return parent === undefined ? undefined : `${parent}/${path}`
}
