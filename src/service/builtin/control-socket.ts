import { once } from 'node:events'
import { chmodSync, rmSync } from 'node:fs'
import { createServer, request, type IncomingMessage, type Server } from 'node:http'

import type { ServiceStatus } from '../service-manager.ts'

/** What a supervisor does when its control socket is asked to. */
export interface ControlActions {
  status(): ServiceStatus
  restart(): void
  stop(): void
}

export type ControlCommand = 'status' | 'restart' | 'stop'

/**
 * Listens on the control socket of a supervisor, for its own user only. The socket is also the proof that the supervisor
 * lives: one that nothing listens on belongs to a supervisor that was killed, and is replaced.
 */
export async function listenForControl(path: string, actions: ControlActions): Promise<Server> {
  if ((await askSupervisor(path, 'status')) === undefined) rmSync(path, { force: true })
  const server = createServer((incoming, response) => {
    const run = COMMANDS[incoming.url ?? '']
    run?.(actions)
    response.writeHead(run === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(actions.status()))
  })
  server.listen(path)
  await once(server, 'listening')
  chmodSync(path, 0o600)
  return server
}

const COMMANDS: Readonly<Record<string, (actions: ControlActions) => void>> = {
  '/status': () => {},
  '/restart': (actions) => actions.restart(),
  '/stop': (actions) => actions.stop(),
}

/** Sends a command to the supervisor, and returns its status; `undefined` when no supervisor listens at `path`. */
export async function askSupervisor(
  path: string,
  command: ControlCommand,
): Promise<ServiceStatus | undefined> {
  const method = command === 'status' ? 'GET' : 'POST'
  const outgoing = request({ socketPath: path, method, path: `/${command}`, agent: false }).end()
  try {
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    return JSON.parse(await textOf(response)) as ServiceStatus
  } catch {
    return undefined
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of response) pieces.push(piece as Buffer)
  return Buffer.concat(pieces).toString()
}
