import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { ToolFailure } from '../../shared/tool-failure.ts'
import { readOpenRpc } from './openrpc.ts'
import type { Service } from './openrpc.ts'
import { clientOf, identifier, interfaceOf } from './python-client.ts'
import type { HeroSettings } from '../settings.ts'
import { sendUnixRequest, jsonOf } from './unix-http.ts'

/** A service that describes itself, with its generated client and interface. */
export interface KnownService {
  readonly service: Service
  /** The real socket of the service; generated code never sees it. */
  readonly socket: string
  /** The file name of the client: `hero_aibroker.py`. */
  readonly module: string
  readonly client: string
  readonly interface: string
}

export interface UndescribedService {
  readonly name: string
  readonly reason: string
}

/** The services in the socket folder. Their documents are fetched on every use; files are generated only on change. */
export interface ServiceRegistry {
  /** All services in the folder: those that describe themselves, and the others with a reason. */
  discover(
    signal: AbortSignal,
  ): Promise<{ known: readonly KnownService[]; silent: readonly UndescribedService[] }>
  /** One service by name. Throws `not_found`, `network`, `timeout` or `upstream`. */
  find(name: string, signal: AbortSignal): Promise<KnownService>
  /** Registers a document for a service that has a socket but does not describe itself. */
  register(name: string, document: unknown, signal: AbortSignal): Promise<KnownService>
}

/** The names of services; the pattern also prevents a path that leads out of the folder. */
export const SERVICE_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,60}$/

const TIMEOUT_MS = 3_000
const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
const MAX_SERVICES = 200

export function createServiceRegistry(settings: HeroSettings): ServiceRegistry {
  const registered = new Map<string, unknown>()
  /** By name and hash of the service. */
  const generated = new Map<string, KnownService>()

  return {
    async discover(signal) {
      const names = serviceNames(settings.socketFolder)
      const results = await Promise.all(names.map((name) => findOrReason(name, signal)))
      return {
        known: results.filter((one) => 'service' in one),
        silent: results.filter((one) => 'reason' in one),
      }
    },
    find,
    async register(name, document, signal) {
      const socket = socketOf(name)
      if (readOpenRpc(name, document) === undefined) {
        throw new ToolFailure(
          'bad_request',
          'spec is not an OpenRPC document: it needs openrpc, info and methods',
        )
      }
      await sendUnixRequest(
        { socket, path: '/health', method: 'GET', timeoutMs: TIMEOUT_MS, maxBytes: 65_536 },
        signal,
      )
      registered.set(name, document)
      return find(name, signal)
    },
  }

  async function find(name: string, signal: AbortSignal): Promise<KnownService> {
    const socket = socketOf(name)
    const document = registered.get(name) ?? (await documentOf(socket, signal))
    const service = readOpenRpc(name, document)
    if (service === undefined) {
      throw new ToolFailure(
        'upstream',
        `${name} does not describe itself: no OpenRPC document at rpc.discover or /openrpc.json`,
        {
          next: 'Give its OpenRPC document to register_service, or leave this service out.',
          retryable: false,
        },
      )
    }
    return generate(service, socket)
  }

  async function findOrReason(name: string, signal: AbortSignal): Promise<KnownService | UndescribedService> {
    try {
      return await find(name, signal)
    } catch (thrown) {
      if (thrown instanceof ToolFailure && thrown.kind !== 'cancelled')
        return { name, reason: thrown.message }
      throw thrown
    }
  }

  function socketOf(name: string): string {
    const socket = join(settings.socketFolder, name, 'rpc.sock')
    if (SERVICE_NAME.test(name) && isSocket(socket)) return socket
    throw new ToolFailure(
      'not_found',
      `no service “${name}”: there is no ${name}/rpc.sock in the socket folder`,
      {
        next: 'Call list_services for the names.',
      },
    )
  }

  function generate(service: Service, socket: string): KnownService {
    const id = `${service.name} ${service.hash}`
    const existing = generated.get(id)
    if (existing !== undefined) return existing
    const module = `${identifier(service.name)}.py`
    const created = {
      service,
      socket,
      module,
      client: clientOf(service, socket),
      interface: interfaceOf(service),
    }
    writeFiles(created, settings.cacheFolder)
    generated.set(id, created)
    return created
  }
}

/** The names of services that have an RPC socket. */
function serviceNames(folder: string): string[] {
  return readdirSafely(folder)
    .filter((name) => SERVICE_NAME.test(name) && isSocket(join(folder, name, 'rpc.sock')))
    .toSorted()
    .slice(0, MAX_SERVICES)
}

function readdirSafely(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function isSocket(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isSocket() === true
}

const discovered = z.looseObject({ result: z.unknown().optional() })

/** Fetches the OpenRPC document: from `rpc.discover`, else from `/openrpc.json`, as Hero's services have agreed. */
async function documentOf(socket: string, signal: AbortSignal): Promise<unknown> {
  const common = { socket, timeoutMs: TIMEOUT_MS, maxBytes: MAX_DOCUMENT_BYTES }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'rpc.discover', params: {} })
  const response = await sendUnixRequest({ ...common, path: '/rpc', method: 'POST', body }, signal)
  const reply = discovered.safeParse(jsonOf(response))
  if (reply.success && reply.data.result !== undefined) return reply.data.result
  const page = await sendUnixRequest({ ...common, path: '/openrpc.json', method: 'GET' }, signal)
  return jsonOf(page)
}

/** Writes the client and `interface.txt` to `<cache>/<hash>/`, for people to read and use; each file is written atomically. */
function writeFiles(created: KnownService, cacheFolder: string): void {
  const folder = join(cacheFolder, created.service.hash)
  if (statSync(join(folder, created.module), { throwIfNoEntry: false }) !== undefined) return
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const [name, text] of [
    [created.module, created.client] as const,
    ['interface.txt', created.interface] as const,
  ]) {
    const unfinished = join(folder, `.${name}.${process.pid}`)
    writeFileSync(unfinished, text)
    renameSync(unfinished, join(folder, name))
  }
}
