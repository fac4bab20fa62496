import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Clock } from '../../../base/clock.ts'
import { BoundedMap } from '../../../base/collections/bounded-map.ts'
import { ToolFailure } from '../../shared/tool-failure.ts'
import { readOpenRpc } from './openrpc.ts'
import type { Service } from './openrpc.ts'
import { clientOf, identifier, interfaceOf } from './python-client.ts'
import type { HeroSettings } from '../settings.ts'
import { sendUnixRequest, jsonOf } from './unix-http.ts'
import type { UnixResponse } from './unix-http.ts'

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

/**
 * The services in the socket folder. Their own documents are fetched on every use and always win; files are generated only on
 * change. A document that a caller registered is used for that caller alone, identified by `caller`, and only for a service that
 * has none.
 */
export interface ServiceRegistry {
  /** All services in the folder: those that describe themselves, and the others with a reason. */
  discover(
    caller: string | undefined,
    signal: AbortSignal,
  ): Promise<{ known: readonly KnownService[]; silent: readonly UndescribedService[] }>
  /** One service by name. Throws `not_found`, `network`, `timeout` or `upstream`. */
  find(name: string, caller: string | undefined, signal: AbortSignal): Promise<KnownService>
  /** Registers a caller's document for a service without one. A service that describes itself keeps its own. */
  register(name: string, document: unknown, caller: string, signal: AbortSignal): Promise<KnownService>
}

/** The names of services; the pattern also prevents a path that leads out of the folder. */
export const SERVICE_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,60}$/

const TIMEOUT_MS = 3_000
const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
const MAX_SERVICES = 200
/** Documents of callers stay in memory, so they are shorter, few, and dropped when they are not used. */
const MAX_REGISTERED_CHARS = 256 * 1024
const MAX_REGISTERED = 200
const REGISTERED_MS = 60 * 60_000
const MAX_GENERATED = 400

/** The service that is this broker: only its own document describes it. */
const BROKER = 'hero_aibroker'

interface RegisteredDocument {
  readonly known: KnownService
  readonly usedAt: number
}

export function createServiceRegistry(settings: HeroSettings, clock: Clock): ServiceRegistry {
  /** By caller and name of the service. */
  const registered = new BoundedMap<string, RegisteredDocument>(MAX_REGISTERED)
  /** By name and hash of the service. */
  const generated = new BoundedMap<string, KnownService>(MAX_GENERATED)
  /** Services that have described themselves: a document of a caller never takes the place of theirs, not even while they fail. */
  const describedThemselves = new Set<string>([BROKER])

  return {
    async discover(caller, signal) {
      const names = serviceNames(settings.socketFolder)
      const results = await Promise.all(names.map((name) => findOrReason(name, caller, signal)))
      return {
        known: results.filter((one) => 'service' in one),
        silent: results.filter((one) => 'reason' in one),
      }
    },
    find,
    async register(name, document, caller, signal) {
      const socket = socketOf(name)
      const own = await ownService(name, socket, signal)
      if (own !== undefined) return generate(own, socket)
      if (describedThemselves.has(name)) throw notDescribed(name)
      if (JSON.stringify(document).length > MAX_REGISTERED_CHARS)
        throw new ToolFailure('bad_request', `spec is longer than ${MAX_REGISTERED_CHARS} characters`)
      const service = readOpenRpc(name, document)
      if (service === undefined) {
        throw new ToolFailure(
          'bad_request',
          'spec is not an OpenRPC document: it needs openrpc, info and methods',
        )
      }
      const known = knownService(service, socket)
      registered.set(registeredKey(name, caller), { known, usedAt: clock.monotonic() })
      return known
    },
  }

  async function find(name: string, caller: string | undefined, signal: AbortSignal): Promise<KnownService> {
    const socket = socketOf(name)
    const own = await ownService(name, socket, signal)
    if (own !== undefined) return generate(own, socket)
    const known = describedThemselves.has(name) ? undefined : registeredService(name, caller)
    if (known === undefined) throw notDescribed(name)
    return known
  }

  /** The service as it describes itself; `undefined` if it has no document. Throws when that can't be known now. */
  async function ownService(name: string, socket: string, signal: AbortSignal): Promise<Service | undefined> {
    const service = readOpenRpc(name, await documentOf(socket, signal))
    if (service !== undefined) describedThemselves.add(name)
    return service
  }

  function registeredService(name: string, caller: string | undefined): KnownService | undefined {
    if (caller === undefined) return undefined
    const key = registeredKey(name, caller)
    const found = registered.get(key)
    const now = clock.monotonic()
    if (found === undefined || now - found.usedAt > REGISTERED_MS) {
      registered.delete(key)
      return undefined
    }
    registered.set(key, { ...found, usedAt: now })
    return found.known
  }

  async function findOrReason(
    name: string,
    caller: string | undefined,
    signal: AbortSignal,
  ): Promise<KnownService | UndescribedService> {
    try {
      return await find(name, caller, signal)
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
    const created = knownService(service, socket)
    writeFiles(created, settings.cacheFolder)
    generated.set(id, created)
    return created
  }
}

function knownService(service: Service, socket: string): KnownService {
  return {
    service,
    socket,
    module: `${identifier(service.name)}.py`,
    client: clientOf(service, socket),
    interface: interfaceOf(service),
  }
}

function registeredKey(name: string, caller: string): string {
  return `${name} ${caller}`
}

function notDescribed(name: string): ToolFailure {
  return new ToolFailure(
    'upstream',
    `${name} does not describe itself: no OpenRPC document at rpc.discover or /openrpc.json`,
    {
      next: 'Give its OpenRPC document to register_service, or leave this service out.',
      retryable: false,
    },
  )
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

const discovered = z.looseObject({
  result: z.unknown().optional(),
  error: z.looseObject({ code: z.number().optional() }).nullish().catch({}),
})

/** JSON-RPC codes of a service that does not know the method, or its form of the call. */
const UNKNOWN_METHOD_CODES: ReadonlySet<number | undefined> = new Set([-32_600, -32_601, -32_602, undefined])
/** HTTP statuses of a service that has no such page. */
const NO_PAGE_STATUSES: ReadonlySet<number> = new Set([400, 404, 405, 406, 410, 415, 501])

/**
 * Fetches the OpenRPC document: from `rpc.discover`, else from `/openrpc.json`, as Hero's services have agreed; `undefined` if the
 * service answers that it has neither. Throws for a service that fails, refuses or is busy: it may have one.
 */
async function documentOf(socket: string, signal: AbortSignal): Promise<unknown> {
  const common = { socket, timeoutMs: TIMEOUT_MS, maxBytes: MAX_DOCUMENT_BYTES }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'rpc.discover', params: {} })
  const response = await sendUnixRequest({ ...common, path: '/rpc', method: 'POST', body }, signal)
  const reply = discovered.safeParse(jsonOf(response))
  if (reply.success && reply.data.result != null) return reply.data.result
  if (!reply.success || reply.data.error == null) assertNoPage(response)
  else if (!UNKNOWN_METHOD_CODES.has(reply.data.error.code)) throw notNow(`error ${reply.data.error.code}`)
  const page = await sendUnixRequest({ ...common, path: '/openrpc.json', method: 'GET' }, signal)
  const document = jsonOf(page)
  if (page.status === 200 && document !== undefined) return document
  assertNoPage(page)
  return undefined
}

function assertNoPage({ status }: UnixResponse): void {
  if (status !== 200 && !NO_PAGE_STATUSES.has(status)) throw notNow(`HTTP ${status}`)
}

function notNow(reason: string): ToolFailure {
  return new ToolFailure('upstream', `the service could not describe itself now (${reason})`)
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
