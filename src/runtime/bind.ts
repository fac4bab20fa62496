import { chmodSync, chownSync, lstatSync, mkdirSync, renameSync, rmSync, statSync, type Stats } from 'node:fs'
import { createConnection, type AddressInfo, type Server } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { BrokerError } from '../base/errors.ts'
import { checkSocketPath } from './socket-paths.ts'

/** Leaves new files only the rights of owner and group to read and write. */
const SOCKET_UMASK = 0o117
const SOCKET_MODE = 0o660

/** A server's own socket file. */
export interface BoundSocket {
  readonly path: string
  /** Removes the file if it is still the one that was created; a successor's file at the same path stays. */
  unbind(): void
}

/**
 * Makes `server` listen on a Unix socket that only its owner and group can open (0660), from the first instant that the path
 * exists. A new folder is private (0700); the rights of an existing one stay as the operator set them, and the socket gets the
 * folder's group if the folder lets its group in. Throws `cannot-start` when another process listens there or another file is
 * there.
 *
 * The socket is created under a temporary name and moved into place: a path that exists has a server behind it, and libuv,
 * which on close unlinks the path it was given without a check, can't remove a successor's socket.
 */
export async function bindUnixSocket(server: Server, path: string): Promise<BoundSocket> {
  await prepareSocketPath(path)
  const temporaryPath = temporaryPathOf(path)
  await listen(server, path, () => listenUnderUmask(server, temporaryPath))
  const created = lstatSync(temporaryPath)
  joinGroup(temporaryPath, dirname(path))
  renameSync(temporaryPath, path)
  return {
    path,
    unbind: () => {
      if (isSameFile(statOf(path), created)) rmSync(path, { force: true })
    },
  }
}

/** Creates the folder of a socket at `path`, private, unless there is one, and removes a stale socket there. Throws `cannot-start` when the path is in use. */
export async function prepareSocketPath(path: string): Promise<void> {
  checkSocketPath(path)
  ensureFolder(dirname(path))
  await removeStale(path)
  await removeStale(temporaryPathOf(path))
}

/**
 * Makes `server` listen on a Unix socket that several worker processes share: the first one creates it in `privateFolder` and
 * moves it into place. The primary must have called `prepareSocketPath` before.
 */
export async function bindSharedUnixSocket(
  server: Server,
  path: string,
  privateFolder: string,
): Promise<void> {
  const temporaryPath = join(privateFolder, basename(temporaryPathOf(path)))
  await listen(server, path, () => server.listen(temporaryPath))
  try {
    // Until it is moved, its mode does not matter: only its owner may enter the private folder.
    joinGroup(temporaryPath, dirname(path))
    chmodSync(temporaryPath, SOCKET_MODE)
    renameSync(temporaryPath, path)
  } catch (error) {
    // Another worker may have moved it.
    if (statOf(temporaryPath) !== undefined || statOf(path) === undefined) throw error
  }
}

function temporaryPathOf(path: string): string {
  return `${path.slice(0, -1)}~`
}

/** Makes `server` listen on TCP, IPv4 or IPv6; port 0 lets the system choose. Resolves with the bound address. Throws `cannot-start`. */
export async function bindTcp(server: Server, address: string, port: number): Promise<AddressInfo> {
  await listen(server, `${address} port ${port}`, () => server.listen({ host: address, port }))
  const bound = server.address()
  if (bound === null || typeof bound === 'string')
    throw new BrokerError('internal', 'a TCP server has no address')
  return bound
}

function ensureFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new BrokerError('cannot-start', `cannot create ${folder} as a private folder: ${String(error)}`, {
      cause: error,
    })
  }
}

const GROUP_MAY_ENTER = 0o010

/**
 * Gives a socket the group of the folder that it is for, when the operator has let that group in. Without the right to do so, the socket keeps
 * the group of this process; a folder with the set-group-ID bit needs none.
 */
function joinGroup(path: string, folder: string): void {
  const { mode, gid } = statSync(folder)
  if ((mode & GROUP_MAY_ENTER) === 0 || lstatSync(path).gid === gid) return
  try {
    chownSync(path, process.geteuid?.() ?? -1, gid)
  } catch {
    // A process may only give a file to a group that it belongs to.
  }
}

async function removeStale(path: string): Promise<void> {
  const found = statOf(path)
  if (found === undefined) return
  if (!found.isSocket()) {
    throw new BrokerError('cannot-start', `${path} exists and is not a socket; move it away`)
  }
  const state = await probe(path)
  if (state === 'ECONNREFUSED') rmSync(path, { force: true })
  else if (state === 'connected') {
    throw new BrokerError('cannot-start', `another process already listens on ${path}; stop it first`)
  } else if (state !== 'ENOENT') {
    throw new BrokerError(
      'cannot-start',
      `cannot determine whether ${path} is still in use (${state}); remove it if it is not`,
    )
  }
}

/** Tries to connect; `connected` or the system's error code. */
async function probe(path: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = createConnection(path)
  socket.once('connect', () => resolve('connected'))
  socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  const state = await promise
  socket.destroy()
  return state
}

/** Node binds a path before `listen` returns, so the changed umask affects nothing else. */
function listenUnderUmask(server: Server, path: string): void {
  const before = process.umask(SOCKET_UMASK)
  try {
    server.listen(path)
  } finally {
    process.umask(before)
  }
}

async function listen(server: Server, where: string, start: () => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('listening', resolve)
  server.once('error', reject)
  try {
    start()
    await promise
  } catch (error) {
    throw new BrokerError('cannot-start', `cannot listen on ${where}: ${listenErrorText(error)}`, {
      cause: error,
    })
  } finally {
    server.off('listening', resolve)
    server.off('error', reject)
  }
}

/** The system's error with what to do about it, where its own text says too little. */
function listenErrorText(error: unknown): string {
  switch (error instanceof Error && 'code' in error ? error.code : undefined) {
    case 'EADDRINUSE':
      return 'another program uses it; stop that program, or choose another port'
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address'
    case 'EACCES':
      return 'permission denied; ports below 1024 need root'
    default:
      return String(error)
  }
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}

function isSameFile(one: Stats | undefined, other: Stats): boolean {
  return one !== undefined && one.ino === other.ino && one.dev === other.dev
}
