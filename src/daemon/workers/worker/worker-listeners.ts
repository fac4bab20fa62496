import type { FastifyInstance } from 'fastify'
import type { IncomingMessage } from 'node:http'
import type { Rooms } from '../../../inference/services/services.ts'
import type { Clock } from '../../../base/clock.ts'
import { createDoor, type DoorOptions } from '../../../server/http/http-server.ts'
import { bytesOf, type DoorReply, type DoorRequest } from '../../../server/http/node/request-types.ts'
import { addRestRoutes, REST_PREFIXES } from '../../../server/rest/routes.ts'
import { bindTcp, joinUnixSocket } from '../../../runtime/bind.ts'
import { drainable, type Drain } from '../../../runtime/drain.ts'
import type { SocketPaths } from '../../../runtime/socket-paths.ts'
import {
  drainAll,
  inContext,
  optionsFor,
  restDoors,
  tcpOptions,
  twinPath,
  type OptionParts,
} from '../../listeners/listeners.ts'
import { createPassOn, type PassOn } from './forward-to-primary.ts'
import { PassedOn } from './primary-only.ts'

export interface WorkerDoorParts extends OptionParts {
  readonly clock: Clock
  readonly rooms: Rooms
  readonly sockets: SocketPaths
}

export interface WorkerDoors extends AsyncDisposable {
  /** Of the TCP listener. */
  readonly port: number | undefined
}

interface OpenDoor {
  readonly door: FastifyInstance
  readonly drain: Drain
  readonly passOn: PassOn
}

/** Opens the listeners that workers share. Disposing drains them. */
export async function openWorkerDoors(parts: WorkerDoorParts): Promise<WorkerDoors> {
  const { config, sockets } = parts
  const open: OpenDoor[] = []
  for (const { name, path, prefixes, context } of restDoors(config, sockets)) {
    const plain = optionsFor(name, parts)
    const built = createWorkerDoor(context === undefined ? plain : inContext(context, plain), prefixes, parts)
    open.push(built)
    await built.door.ready()
    await joinUnixSocket(built.door.server, path)
  }
  const port = config.listen === undefined ? undefined : await openTcp(config.listen, parts, open)
  return {
    port,
    async [Symbol.asyncDispose]() {
      await drainAll(open, parts)
      for (const { passOn } of open) passOn.close()
    },
  }
}

async function openTcp(
  listen: { readonly address: string; readonly port: number },
  parts: WorkerDoorParts,
  open: OpenDoor[],
): Promise<number> {
  const built = createWorkerDoor(tcpOptions(listen, parts), REST_PREFIXES, parts)
  open.push(built)
  await built.door.ready()
  const { port } = await bindTcp(built.door.server, listen.address, listen.port)
  return port
}

/** Serves what a worker can serve, and forwards the rest to the primary's internal listener of the same name. */
function createWorkerDoor(
  options: DoorOptions,
  prefixes: readonly string[],
  { rooms, sockets }: WorkerDoorParts,
): OpenDoor {
  const passOn = createPassOn(twinPath(sockets, options.name))
  const ours = new Set(prefixes.flatMap((prefix) => ANSWERED_HERE.map((path) => prefix + path)))
  const door = createDoor({
    ...options,
    around: (serve) => (request, response) => {
      if (isOurs(request, ours)) serve(request, response)
      else passOn(request, response)
    },
  })
  addRestRoutes(door, rooms, prefixes, (handle) => async (request, reply) => {
    try {
      await handle(request, reply)
    } catch (error) {
      if (!(error instanceof PassedOn)) throw error
      passOnWhole(request, reply, passOn)
    }
  })
  return { door, drain: drainable(door.server), passOn }
}

const ANSWERED_HERE = ['/chat/completions', '/completions', '/embeddings'] as const

/** Headers that ask for a stored response. */
const KEPT = ['idempotency-key', 'x-openrouter-cache'] as const

/** Inference is served here, as it costs the most CPU. Responses stored for repeats are stored in one process, the primary. */
function isOurs({ method, url = '', headers }: IncomingMessage, ours: ReadonlySet<string>): boolean {
  if (method !== 'POST' || KEPT.some((name) => headers[name] !== undefined)) return false
  const query = url.indexOf('?')
  return ours.has(query < 0 ? url : url.slice(0, query))
}

function passOnWhole(request: DoorRequest, reply: DoorReply, passOn: PassOn): void {
  reply.hijack()
  passOn.whole(request.raw, reply.raw, bytesOf(request))
}
