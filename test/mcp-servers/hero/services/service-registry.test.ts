import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createServiceRegistry } from '../../../../src/mcp-servers/hero/services/service-registry.ts'
import { readSettings } from '../../../../src/mcp-servers/hero/settings.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { tempFolder } from '../../../support/temp-folder.ts'
import { ledgerDocument, serveOn } from '../../hero-support.ts'

const never = new AbortController().signal
const forged = { ...ledgerDocument, info: { title: 'Forged', version: '9' } }

/** A service whose response to `rpc.discover` can be changed. */
async function machine(name = 'ledger') {
  const folder = tempFolder()
  const state = { response: undefined as unknown }
  const server = await serveOn(join(folder.path, name, 'rpc.sock'), (path) =>
    path === '/rpc' ? state.response : undefined,
  )
  const clock = manualClock()
  const cache = join(folder.path, 'cache')
  const settings = readSettings({ PATH_SOCKETS: folder.path, MCP_HERO_CACHE: cache })
  const registry = createServiceRegistry(settings, clock)
  return {
    state,
    clock,
    cache,
    titleFor: async (caller: string | undefined) => (await registry.find(name, caller, never)).service.title,
    register: async (caller: string, document: unknown = forged) =>
      (await registry.register(name, document, caller, never)).service.title,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

test('a document that a caller registers is used for that caller alone', async () => {
  await using at = await machine()
  expect(await at.register('alice')).toBe('Forged')
  expect(await at.titleFor('alice')).toBe('Forged')
  await expect(at.titleFor('bob')).rejects.toThrow(/does not describe itself/)
  await expect(at.titleFor(undefined)).rejects.toThrow(/does not describe itself/)
  // Nothing of it is written into the folder of generated clients.
  expect(() => readdirSync(at.cache)).toThrow(/ENOENT/)
})

test("a service's own document wins over a registered one, before and after", async () => {
  await using at = await machine()
  await at.register('alice')
  at.state.response = { jsonrpc: '2.0', id: 1, result: ledgerDocument }
  expect(await at.titleFor('alice')).toBe('Ledger')
  expect(await at.register('alice')).toBe('Ledger')
  // It stops describing itself: the document of the caller does not take its place.
  at.state.response = undefined
  await expect(at.titleFor('alice')).rejects.toThrow(/does not describe itself/)
  await expect(at.register('alice')).rejects.toThrow(/does not describe itself/)
})

test.each([
  ['is busy', { jsonrpc: '2.0', id: 1, error: { code: -32_029, message: 'too many requests' } }],
  ['wants a token', { jsonrpc: '2.0', id: 1, error: { code: -32_001, message: 'unauthorized' } }],
  ['fails', { jsonrpc: '2.0', id: 1, error: { code: -32_603, message: 'internal error' } }],
])('no document can be registered for a service that %s', async (_case, response) => {
  await using at = await machine()
  at.state.response = response
  await expect(at.register('alice')).rejects.toThrow(/could not describe itself now/)
})

test('no document can be registered for the broker, even while it does not describe itself', async () => {
  await using at = await machine('hero_aibroker')
  await expect(at.register('alice')).rejects.toThrow(/does not describe itself/)
})

test('a registered document is forgotten when it is not used for an hour', async () => {
  await using at = await machine()
  await at.register('alice')
  at.clock.advance(50 * 60_000)
  expect(await at.titleFor('alice')).toBe('Forged')
  at.clock.advance(50 * 60_000)
  expect(await at.titleFor('alice')).toBe('Forged')
  at.clock.advance(61 * 60_000)
  await expect(at.titleFor('alice')).rejects.toThrow(/does not describe itself/)
})

test('a registered document has a bounded length', async () => {
  await using at = await machine()
  await expect(at.register('alice', { ...forged, more: 'x'.repeat(300_000) })).rejects.toThrow(/longer than/)
})
