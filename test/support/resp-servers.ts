/** Servers that keep settings: a real Redis or Valkey where one is installed, and one that knows few commands of RESP2. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'

export interface RespServer extends AsyncDisposable {
  readonly socketPath: string
  readonly port: number
  /** Stops with SIGKILL and starts again, with the same data. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** The server program that is installed; `undefined` where there is none. */
export const REDIS_PROGRAM = ['valkey-server', 'redis-server'].find(
  (program) => spawnSync(program, ['--version']).status === 0,
)

export async function startRedis(folder: string, port: number): Promise<RespServer> {
  const socketPath = join(folder, 'redis.sock')
  const args = ['--port', String(port), '--unixsocket', socketPath, '--dir', folder]
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '']
  let stop = async (): Promise<void> => undefined
  async function start(): Promise<void> {
    const child = spawn(REDIS_PROGRAM ?? '', [...args, ...durable], { stdio: ['ignore', 'pipe', 'ignore'] })
    const ended = once(child, 'close')
    stop = async () => {
      child.kill('SIGKILL')
      await ended
    }
    let output = ''
    for await (const piece of child.stdout.setEncoding('utf8')) {
      output += String(piece)
      if (/ready to accept connections unix|The server is now ready to accept connections at/i.test(output))
        break
    }
    child.stdout.resume()
  }
  await start()
  return {
    socketPath,
    port,
    async restart() {
      await stop()
      await start()
    },
    stop: () => stop(),
    [Symbol.asyncDispose]: () => stop(),
  }
}

/** Knows SELECT, SADD, SREM, SMEMBERS, HSET, HGETALL, HDEL and DEL, and answers anything else with an error. */
export async function startMinimalServer(
  socketPath: string,
): Promise<AsyncDisposable & { readonly received: readonly string[] }> {
  const data = new Map<string, Map<string, string>>()
  const received: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let database = 0
    let buffered = ''
    socket.on('error', () => undefined)
    socket.setEncoding('utf8').on('data', (piece: string) => {
      buffered += piece
      for (;;) {
        const command = takeCommand(buffered)
        if (command === undefined) return
        buffered = command.rest
        const [name = '', ...args] = command.parts
        received.push(name)
        if (name === 'SELECT') database = Number(args[0])
        socket.write(reply(name, args, database, data))
      }
    })
  })
  server.listen(socketPath)
  await once(server, 'listening')
  return {
    received,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function takeCommand(text: string): { readonly parts: readonly string[]; readonly rest: string } | undefined {
  const lines = text.split('\r\n')
  const count = Number(/^\*(\d+)$/.exec(lines[0] ?? '')?.[1])
  if (!(count > 0) || lines.length < 2 + count * 2) return undefined
  const parts = Array.from({ length: count }, (_, at) => lines[2 + at * 2] ?? '')
  return { parts, rest: lines.slice(1 + count * 2).join('\r\n') }
}

function reply(
  name: string,
  [key = '', ...args]: readonly string[],
  database: number,
  data: Map<string, Map<string, string>>,
): string {
  const id = `${database} ${key}`
  const known = data.get(id) ?? new Map<string, string>()
  const list = (texts: readonly string[]): string =>
    `*${texts.length}\r\n${texts.map((each) => `$${Buffer.byteLength(each)}\r\n${each}\r\n`).join('')}`
  switch (name) {
    case 'SELECT':
      return '+OK\r\n'
    case 'SADD':
      data.set(id, known)
      for (const member of args) known.set(member, '')
      return ':1\r\n'
    case 'HSET':
      data.set(id, known)
      for (let at = 0; at < args.length; at += 2) known.set(args[at] ?? '', args[at + 1] ?? '')
      return ':1\r\n'
    case 'SREM':
    case 'HDEL':
      for (const member of args) known.delete(member)
      return ':1\r\n'
    case 'DEL':
      data.delete(id)
      return ':1\r\n'
    case 'SMEMBERS':
      return list([...known.keys()])
    case 'HGETALL':
      return list([...known].flat())
    default:
      return `-ERR unknown command '${name}'\r\n`
  }
}
