import { rmSync } from 'node:fs'
import type { DoorRequest } from '../../../server/http/node/request-types.ts'
import { openRpcDoor, openTwins, twinFolder, type DoorParts, type Doors } from '../../listeners/listeners.ts'
import { startFleet, type Fleet, type FleetParts } from './worker-pool.ts'
import { PEER_HEADER } from '../worker/forward-to-primary.ts'

export interface DoorsWithWorkers extends Doors {
  readonly tell: Fleet['tell']
}

/**
 * Opens the listeners of a broker with workers: workers share the public sockets; the primary keeps `rpc.sock` and the internal
 * listeners, to which workers forward what only the primary can serve.
 */
export async function openDoorsWithWorkers(
  parts: DoorParts & Pick<FleetParts, 'flags' | 'state'>,
): Promise<DoorsWithWorkers> {
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rmSync(twinFolder(parts.sockets), { recursive: true, force: true }))
  const twins = stack.use(await openTwins(parts, { tcp: peerBehind }))
  const rpc = stack.use(await openRpcDoor(parts))
  const fleet = await startFleet(parts)
  stack.defer(async () => {
    await twins.endSessions()
    await Promise.all([fleet.close(), rpc[Symbol.asyncDispose]()])
  })
  const all = stack.move()
  return {
    tcp: fleet.tcp,
    tell: (topic) => fleet.tell(topic),
    endSessions: () => twins.endSessions(),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** The peer address that the worker reports. Only workers can reach the internal listeners. */
function peerBehind({ headers }: DoorRequest): string | undefined {
  const peer = headers[PEER_HEADER]
  return typeof peer === 'string' ? peer : undefined
}
