import type { FastifyInstance } from 'fastify'
import { expect, test } from 'vitest'
import { findCaller } from '../../../src/doors/http/find-caller.ts'
import { errorOf, openDoor } from './open-door.ts'

const routes = {
  routes: (door: FastifyInstance) => {
    door.get('/who', (request) => findCaller(request))
  },
}

async function who(on: { tcp?: string }, head = '') {
  await using opened = await openDoor({ ...routes, ...on })
  return await opened.send(`GET /who HTTP/1.1${head}`)
}

test('a plain caller on a Unix socket is local and has no context', async () => {
  expect(JSON.parse((await who({}))?.body ?? '')).toEqual({ ip: 'local' })
})

test('a front on the Unix socket says who asks and for which context', async () => {
  const answer = await who({}, '\nX-Forwarded-For: unknown, 0400::1, 10.0.0.1\nX-Hero-Context: 7')
  expect(JSON.parse(answer?.body ?? '')).toEqual({ ip: '400::1', context: '7' })
})

test('a forwarded list without an address leaves the caller local', async () => {
  expect(JSON.parse((await who({}, '\nX-Forwarded-For: unknown'))?.body ?? '')).toMatchObject({ ip: 'local' })
})

test.each(['\nX-Hero-Context: a/b', '\nX-Hero-Context:', '\nX-Hero-Context: 1\nX-Hero-Context: 2'])(
  'a malformed context is refused: %j',
  async (head) => {
    expect(errorOf(await who({}, head))).toMatchObject({
      code: 400,
      message: expect.stringContaining('X-Hero-Context'),
    })
  },
)

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::1', '::1'],
  ['::ffff:127.0.0.1', '127.0.0.1'],
])('on TCP at %s only the peer counts, whatever the headers say', async (tcp, ip) => {
  const answer = await who({ tcp }, '\nX-Forwarded-For: 10.0.0.1\nX-Hero-Context: 0')
  expect(JSON.parse(answer?.body ?? '')).toEqual({ ip })
})
