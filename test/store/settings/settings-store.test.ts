import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { heroDbAddress } from '../../../src/store/settings/hero-db.ts'
import { openRedisSettings, type RedisAddress } from '../../../src/store/settings/redis-settings.ts'
import type { SettingsStore } from '../../../src/store/settings/settings-store.ts'
import { sqliteSettings } from '../../../src/store/settings/sqlite-settings.ts'
import { REDIS_PROGRAM, startMinimalServer, startRedis } from '../../support/resp-servers.ts'
import { tempFolder } from '../../support/temp-folder.ts'
import { temporaryStore } from '../temporary-store.ts'

const MOTHER = { address: '127.0.0.1', port: '33850', label: 'root', priority: '1', enabled: 'true' }

/** What every store has to do. */
async function exercise(store: SettingsStore): Promise<ReadonlyMap<string, number>> {
  expect(await store.mothers()).toEqual(new Map())
  await store.putMother('ai_broker_mother', MOTHER)
  await store.putMother('ai_broker_mother2', { ...MOTHER, label: 'two' })
  const { label: _label, ...withoutLabel } = MOTHER
  await store.putMother('ai_broker_mother2', withoutLabel)
  const second = (await store.mothers()).get('ai_broker_mother2')
  expect([second?.['port'], second?.['label'] ?? '']).toEqual(['33850', ''])
  await store.removeMother('ai_broker_mother2')
  expect(await store.mothers()).toEqual(new Map([['ai_broker_mother', MOTHER]]))
  await store.setPriority('groq', 5)
  await store.setPriority('openai', 1)
  await store.setPriority('groq', undefined)
  return await store.priorities()
}

const PRIORITIES = new Map([['openai', 1]])

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

test('SQLite keeps mothers and priorities', async () => {
  await using store = temporaryStore()
  expect(await exercise(sqliteSettings(store.store))).toEqual(PRIORITIES)
})

test('a server that knows only the documented commands is enough', async () => {
  using folder = tempFolder()
  const socketPath = join(folder.path, 'resp.sock')
  await using server = await startMinimalServer(socketPath)
  const store = await openRedisSettings({ socketPath, database: 3, prefix: 'p:', location: 'minimal' })
  expect(await exercise(store)).toEqual(PRIORITIES)
  await store.close()
  const documented = ['SELECT', 'SMEMBERS', 'SADD', 'SREM', 'HSET', 'HGETALL', 'HDEL', 'DEL']
  expect([...new Set(server.received)].filter((name) => !documented.includes(name))).toEqual([])
})

test('a store that can’t be reached is named at the start', async () => {
  const away: RedisAddress = { socketPath: '/nowhere.sock', database: 0, prefix: '', location: 'the place' }
  await expect(openRedisSettings(away)).rejects.toMatchObject({
    code: 'cannot-start',
    message: expect.stringContaining('the place') as string,
  })
  await expect(heroDbAddress('/nowhere/rpc.sock')).rejects.toThrow('hero_db at /nowhere/rpc.sock')
})

test('hero_db is found by the name of its database', async () => {
  using folder = tempFolder()
  mkdirSync(join(folder.path, 'hero_db'))
  const rpc = join(folder.path, 'hero_db', 'rpc.sock')
  const resp = join(folder.path, 'hero_db', 'resp.sock')
  const results: Record<string, unknown> = {
    'rpc.discover': { methods: [{ name: 'db_listInstances' }] },
    db_listInstances: [
      { index: 1, name: 'other' },
      { index: 4, name: 'aibroker_config' },
    ],
  }
  const server = createHttpServer((request, response) => {
    let body = ''
    request.on('data', (piece) => (body += String(piece)))
    request.on('end', () => {
      const { method } = JSON.parse(body) as { method: string }
      response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: results[method] }))
    })
  }).listen(rpc)
  await once(server, 'listening')
  await using _data = await startMinimalServer(resp)
  const address = await heroDbAddress(rpc)
  expect(address).toMatchObject({ socketPath: resp, database: 4, prefix: '' })
  const store = await openRedisSettings(address)
  expect(await exercise(store)).toEqual(PRIORITIES)
  await store.close()
  server.close()
})

describe.skipIf(REDIS_PROGRAM === undefined)(
  'a real Redis or Valkey (skipped where none is installed)',
  () => {
    test('keeps settings over TCP and over its Unix socket, and through a kill between two changes', async () => {
      using folder = tempFolder()
      await using server = await startRedis(folder.path, await freePort())
      const overTcp = await openRedisSettings({
        url: `redis://127.0.0.1:${server.port}`,
        database: 1,
        prefix: '',
        location: 'tcp',
      })
      expect(await exercise(overTcp)).toEqual(PRIORITIES)
      const { socketPath } = server
      const overSocket = await openRedisSettings({ socketPath, database: 1, prefix: '', location: 'socket' })
      expect((await overSocket.mothers()).get('ai_broker_mother')).toEqual(MOTHER)
      await server.stop()
      await expect(overSocket.putMother('ai_broker_mother3', MOTHER)).rejects.toMatchObject({
        code: 'unreachable',
      })
      await server.restart()
      await expect
        .poll(
          async () =>
            overSocket.putMother('ai_broker_mother3', MOTHER).then(
              () => 'stored',
              () => 'away',
            ),
          {
            timeout: 8000,
          },
        )
        .toBe('stored')
      await expect
        .poll(async () => (await overTcp.mothers().catch(() => new Map())).size, { timeout: 8000 })
        .toBe(2)
      await overTcp.close()
      await overSocket.close()
    })
  },
)
