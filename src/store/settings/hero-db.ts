import { existsSync } from 'node:fs'
import { request } from 'node:http'
import { dirname, join } from 'node:path'
import { BrokerError } from '../../base/errors.ts'
import type { RedisAddress } from './redis-settings.ts'

/** The name of our database in hero_db, as the original broker has it. */
const DATABASE = 'aibroker_config'
const TIMEOUT_MS = 3000
/** Databases have numbers in Redis's protocol and names in the management API, whose method has had several names. */
const LIST_METHOD = /list.*(instance|database)/i

/**
 * Finds the database `aibroker_config` of a hero_db by its management socket: its number comes from the management API, and
 * commands go to `resp.sock` beside it. A socket of that name is taken as it is. Throws `cannot-start`.
 */
export async function heroDbAddress(socket: string): Promise<RedisAddress> {
  const location = `hero_db at ${socket}`
  if (socket.endsWith('/resp.sock'))
    return { socketPath: socket, database: 0, prefix: `${DATABASE}:`, location }
  try {
    const database = await databaseNumber(socket)
    const socketPath = join(dirname(socket), 'resp.sock')
    if (!existsSync(socketPath)) throw new Error(`there is no ${socketPath} beside it`)
    return { socketPath, database, prefix: '', location }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new BrokerError(
      'cannot-start',
      `the settings are kept in ${location}, which can’t be used (${reason}): start it, name the database with AIBROKER_SETTINGS=unix:///…/resp.sock?db=N, or unset HERO_AIBROKER_DB_SOCKET`,
      { cause },
    )
  }
}

async function databaseNumber(socket: string): Promise<number> {
  const document = (await call(socket, 'rpc.discover')) as { methods?: readonly { name?: unknown }[] } | null
  const method = document?.methods?.map(({ name }) => String(name)).find((name) => LIST_METHOD.test(name))
  if (method === undefined) throw new Error('it has no method that lists its databases')
  const rows = (await call(socket, method)) as readonly Readonly<Record<string, unknown>>[] | null
  const ours = Array.isArray(rows) ? rows.find((row) => row['name'] === DATABASE) : undefined
  const index = Number(ours?.['index'] ?? ours?.['id'] ?? Number.NaN)
  if (!Number.isInteger(index)) throw new Error(`it has no database “${DATABASE}”; create it there`)
  return index
}

function call(socketPath: string, method: string): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [] })
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { socketPath, path: '/rpc', method: 'POST', headers, timeout: TIMEOUT_MS },
      (incoming) => {
        let text = ''
        incoming.setEncoding('utf8').on('data', (piece: string) => (text += piece))
        incoming.on('end', () => {
          try {
            const { result, error } = JSON.parse(text) as { result?: unknown; error?: { message?: unknown } }
            if (error === undefined) resolve(result)
            else reject(new Error(`${method}: ${String(error.message)}`))
          } catch (fault) {
            reject(fault)
          }
        })
      },
    )
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)))
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
