import { createHmac } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { createBearerVerifier } from '../../src/auth/verify-bearer.ts'
import { verifyJwt } from '../../src/auth/jwt.ts'
import { openTokens } from '../../src/auth/tokens.ts'
import { API_KEYS_MIGRATIONS } from '../../src/store/migrations.ts'
import { openStore } from '../../src/store/store.ts'
import { manualClock } from '../store/manual-clock.ts'
import { tempFolder } from '../support/temp-folder.ts'

function openHere(folder: string, clock = manualClock()) {
  const path = join(folder, 'apikeys.db')
  const keyPath = join(folder, 'apikeys.key')
  const store = openStore({ path, clock, durability: 'full', migrations: API_KEYS_MIGRATIONS })
  return { clock, path, keyPath, store, tokens: openTokens({ store, keyPath, clock }) }
}

test('a token is stored as a keyed hash only, and is valid after a restart', async () => {
  using folder = tempFolder()
  const first = openHere(folder.path)
  const { info, token } = await first.tokens.create({ label: 'ci' })
  await first.store.close()
  for (const path of [first.path, first.keyPath])
    expect(readFileSync(path, 'latin1')).not.toContain(token.reveal())
  expect(statSync(first.keyPath).mode & 0o777).toBe(0o600)
  const again = openHere(folder.path)
  expect(again.tokens.find(token.reveal())).toEqual(info)
  expect(again.tokens.list()).toEqual([info])
  await again.store.close()
})

test('a token that is unknown, disabled, expired or deleted is refused', async () => {
  using folder = tempFolder()
  const { tokens, clock, store } = openHere(folder.path)
  const { info, token } = await tokens.create({ label: 'ci', expiresAt: clock.now() / 1000 + 60 })
  const find = () => tokens.find(token.reveal())
  expect(() => tokens.find(`${token.reveal()}x`)).toThrow('not known')
  await tokens.setDisabled(info.id, true)
  expect(find).toThrow('disabled')
  await tokens.setDisabled(info.id, false)
  expect(find().id).toBe(info.id)
  clock.advance(60_000)
  expect(find).toThrow('expired')
  expect(await tokens.remove(info.id)).toBe(true)
  expect(find).toThrow('not known')
  await expect(tokens.setDisabled('tok-none', true)).rejects.toMatchObject({ code: 'not-found' })
  await store.close()
})

test.each([true, false])(
  'a token that is deleted during a change (disabled: %s) stays deleted',
  async (isDisabled) => {
    using folder = tempFolder()
    const { tokens, store } = openHere(folder.path)
    const { info, token } = await tokens.create({ label: 'ci' })
    const [removed, changed] = await Promise.allSettled([
      tokens.remove(info.id),
      tokens.setDisabled(info.id, isDisabled),
    ])
    expect(removed).toMatchObject({ value: true })
    expect(changed).toMatchObject({ reason: { code: 'not-found' } })
    expect(() => tokens.find(token.reveal())).toThrow('not known')
    expect(tokens.list()).toEqual([])
    await store.close()
  },
)

const secret = new Secret('shared with hero auth')
const NOW = 1_700_000_000_000

function jwt(header: object, claims: object, key = secret.reveal()): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part(header)}.${part(claims)}`
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`
}

const HS256 = { alg: 'HS256', typ: 'JWT' }

test.each([
  ['without scopes', { sub: 'ada' }, false],
  ['with the admin scope', { sub: 'ada', scope: 'read aibroker.admin' }, true],
  ['with the admin scope in a list', { sub: 'ada', roles: ['admin'] }, true],
  ['with an admin role', { sub: 'ada', role: 'admin' }, true],
  ['with other scopes', { sub: 'ada', scope: 'read' }, false],
  [
    'with a scope that only contains the word',
    { sub: 'ada', scope: 'not-admin admin.read administrator' },
    false,
  ],
  ['with an empty scope', { sub: 'ada', scope: '' }, false],
  ['with a scope that is no text', { sub: 'ada', scope: { admin: true }, scopes: [['admin']] }, false],
  ['whose subject is “admin”', { sub: 'admin' }, false],
])('a JWT %s is verified; only an admin scope makes an administrator', async (_, claims, isAdmin) => {
  expect(await verifyJwt(jwt(HS256, claims), secret, NOW)).toMatchObject({ isAdmin })
})

test.each([
  [{ sub: 'ada' }, 'jwt:ada'],
  [{ sub: 'ada@example.org' }, 'jwt:ada%40example.org'],
  [{ sub: 'a b\nc' }, 'jwt:a%20b%0Ac'],
  [{}, 'jwt:'],
  [{ sub: 7 }, 'jwt:'],
  [{ sub: '\ud800' }, expect.stringMatching(/^jwt:#[\w-]{43}$/)],
  [{ sub: 'x'.repeat(4000) }, expect.stringMatching(/^jwt:#[\w-]{43}$/)],
])('a JWT with the claims %j belongs to the caller %s', async (claims, bearer) => {
  expect(await verifyJwt(jwt(HS256, claims), secret, NOW)).toMatchObject({ bearer })
})

test.each([
  ['of another secret', jwt(HS256, {}, 'guessed')],
  ['without a signature', jwt(HS256, {}).replace(/[^.]*$/, '')],
  ['of algorithm none', jwt({ alg: 'none' }, {})],
  ['of algorithm HS512', jwt({ alg: 'HS512' }, {})],
  ['of the asymmetric algorithm RS256', jwt({ alg: 'RS256' }, {})],
  ['that has expired', jwt(HS256, { exp: NOW / 1000 - 6 })],
  ['that is not valid yet', jwt(HS256, { nbf: NOW / 1000 + 6 })],
  ['whose expiry is not a number', jwt(HS256, { exp: 'never' })],
  ['that is not JSON', 'e30x.e30.x'],
])('a JWT %s is refused', async (_, text) => {
  await expect(verifyJwt(text, secret, NOW)).rejects.toThrow(/refused/)
})

test('the admin token, tokens and JWTs are verified, and a foreign bearer is nothing', async () => {
  using folder = tempFolder()
  const { tokens, clock, store } = openHere(folder.path)
  const { info, token } = await tokens.create({ label: 'ci' })
  const verifier = createBearerVerifier({ adminToken: new Secret('root'), heroSecret: secret, tokens, clock })
  expect(verifier.verify(undefined)).toBeUndefined()
  expect(verifier.verify('sk-dummy')).toBeUndefined()
  expect(verifier.verify('root')).toEqual({ isAdmin: true, token: 'admin' })
  expect(verifier.verify(token.reveal())).toEqual({ isAdmin: false, token: info.id })
  await verifier.verifyAhead(jwt(HS256, { sub: 'ada' }))
  expect(verifier.verify(jwt(HS256, { sub: 'ada' }))).toEqual({ isAdmin: false, token: 'jwt:ada' })
  expect(() => verifier.verify('hb-unknown')).toThrow('not known')
  await store.close()
})

test('a rotated token has its id, label and end, and the old secret is refused, also after a restart', async () => {
  using folder = tempFolder()
  const first = openHere(folder.path)
  const { info, token } = await first.tokens.create({ label: 'ci', expiresAt: 4_000_000_000 })
  const rotated = await first.tokens.rotate(info.id)
  expect(rotated.info).toEqual(info)
  expect(() => first.tokens.find(token.reveal())).toThrow('not known')
  await expect(first.tokens.rotate('tok-none')).rejects.toMatchObject({ code: 'not-found' })
  await first.store.close()
  const again = openHere(folder.path)
  expect(again.tokens.find(rotated.token.reveal())).toEqual(info)
  expect(() => again.tokens.find(token.reveal())).toThrow('not known')
  await again.store.close()
})

test('an update changes what it names, null removes the end, and two updates at once both last', async () => {
  using folder = tempFolder()
  const first = openHere(folder.path)
  const { info, token } = await first.tokens.create({ label: 'ci', expiresAt: 4_000_000_000 })
  await Promise.all([
    first.tokens.update(info.id, { label: 'build' }),
    first.tokens.update(info.id, { expiresAt: null }),
  ])
  const expected = { ...info, label: 'build', expiresAt: undefined }
  expect(first.tokens.find(token.reveal())).toEqual(expected)
  await expect(first.tokens.update('tok-none', {})).rejects.toMatchObject({ code: 'not-found' })
  await first.store.close()
  const again = openHere(folder.path)
  expect(again.tokens.list()).toEqual([expected])
  await again.store.close()
})
