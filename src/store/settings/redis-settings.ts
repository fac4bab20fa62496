import { createClient } from '@redis/client'
import { BrokerError } from '../../base/errors.ts'
import type { SettingsStore } from './settings-store.ts'

/** Where a server that speaks Redis's protocol keeps the settings. */
export interface RedisAddress {
  /** `redis://…` or `rediss://…`; with `socketPath` absent. */
  readonly url?: string | undefined
  readonly socketPath?: string | undefined
  /** Number of the database. */
  readonly database: number
  /** Written before each key, so that other programs may use the same database. */
  readonly prefix: string
  /** For people, without a password. */
  readonly location: string
}

const CONNECT_MS = 3000
/** A server that accepts a command and does not answer is as good as away. */
const COMMAND_MS = 3000
const MAX_RECONNECT_MS = 2000

/**
 * Keeps the settings in Redis, Valkey or hero_db, in the keys of the original broker: the set `mothers:ids`, a hash
 * `mother:<id>` each, and the hash `provider_priority`. Only plain commands of RESP2 are sent (SELECT, SMEMBERS, SADD, SREM,
 * HSET, HGETALL, HDEL, DEL), for hero_db knows few others. Throws `cannot-start` when the server can't be reached.
 */
export async function openRedisSettings(address: RedisAddress): Promise<SettingsStore> {
  const connection = await connect(address)
  const { prefix, location } = address
  const run = (command: string, key: string, ...args: readonly string[]): Promise<unknown> =>
    inTime(connection.sendCommand([command, prefix + key, ...args]), location)
  return {
    location,
    async mothers() {
      const ids = textsIn(await run('SMEMBERS', 'mothers:ids'))
      const records = await Promise.all(
        ids.map(async (id) => [id, pairsIn(await run('HGETALL', `mother:${id}`))] as const),
      )
      return new Map(records)
    },
    // The hash is complete before its id is in the set, and the id is gone before the hash: a crash between leaves no half of
    // one. A field that is cleared becomes empty, because a hash without it would need a second command.
    async putMother(id, record) {
      const before = pairsIn(await run('HGETALL', `mother:${id}`))
      const cleared = Object.keys(before).filter((field) => record[field] === undefined)
      const fields = { ...record, ...Object.fromEntries(cleared.map((field) => [field, ''])) }
      await run('HSET', `mother:${id}`, ...Object.entries(fields).flat())
      await run('SADD', 'mothers:ids', id)
    },
    async removeMother(id) {
      await run('SREM', 'mothers:ids', id)
      await run('DEL', `mother:${id}`)
    },
    async priorities() {
      const all = Object.entries(pairsIn(await run('HGETALL', 'provider_priority')))
      return new Map(
        all.flatMap(([provider, text]) => (/^\d{1,7}$/.test(text) ? [[provider, Number(text)]] : [])),
      )
    },
    async setPriority(provider, priority) {
      if (priority === undefined) await run('HDEL', 'provider_priority', provider)
      else await run('HSET', 'provider_priority', provider, String(priority))
    },
    async close() {
      connection.destroy()
    },
  }
}

interface Connection {
  sendCommand(parts: string[]): Promise<unknown>
  destroy(): void
}

async function connect({ url, socketPath, database, location }: RedisAddress): Promise<Connection> {
  let isConnected = false
  // The first connection fails at once; a lost one is made again.
  const reconnectStrategy = (retries: number): number | false =>
    isConnected && Math.min(50 * 2 ** Math.min(retries, 10), MAX_RECONNECT_MS)
  const socket = { connectTimeout: CONNECT_MS, reconnectStrategy }
  const client = createClient({
    ...(url === undefined ? {} : { url }),
    socket: socketPath === undefined ? socket : { ...socket, path: socketPath, tls: false },
    database,
    RESP: 2,
    disableClientInfo: true,
    disableOfflineQueue: true,
  })
  // Each failure is reported by the command that meets it.
  client.on('error', () => undefined)
  try {
    await inTime(client.connect(), location)
    isConnected = true
    return client
  } catch (cause) {
    client.destroy()
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new BrokerError(
      'cannot-start',
      `the settings are kept at ${location}, which can’t be used (${reason}): start it, or change AIBROKER_SETTINGS or HERO_AIBROKER_DB_SOCKET`,
      { cause },
    )
  }
}

async function inTime<T>(work: Promise<T>, location: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${COMMAND_MS} ms`)), COMMAND_MS)
  })
  try {
    return await Promise.race([work, timeout])
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new BrokerError('unreachable', `the settings at ${location} can’t be reached: ${reason}`, { cause })
  } finally {
    clearTimeout(timer)
  }
}

function textsIn(reply: unknown): readonly string[] {
  return Array.isArray(reply) ? reply.map(String) : []
}

/** A hash in RESP2 is a list of names and values in turn. */
function pairsIn(reply: unknown): Record<string, string> {
  const flat = textsIn(reply)
  const pairs: Record<string, string> = {}
  for (let at = 0; at + 1 < flat.length; at += 2) pairs[String(flat[at])] = String(flat[at + 1])
  return pairs
}
