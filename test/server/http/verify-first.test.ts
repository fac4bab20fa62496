import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { createBearerVerifier } from '../../../src/auth/verify-bearer.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { BrokerError } from '../../../src/base/errors.ts'
import { Secret } from '../../../src/base/secret.ts'
import { addInferenceRoute } from '../../../src/server/http/fast-path.ts'
import { requireBearer } from '../../../src/server/http/tcp-access.ts'
import { errorOf, openServer } from './open-server.ts'

const secret = 'shared with hero auth'

function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ alg: 'HS256' })}.${part(claims)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

const guarded = {
  guards: [requireBearer],
  callers: {
    bearerVerifier: createBearerVerifier({
      adminToken: undefined,
      heroSecret: new Secret(secret),
      tokens: {
        find: () => {
          throw new BrokerError('unauthorized', 'no tokens here')
        },
      },
      clock: systemClock,
    }),
  },
  routes: (server: Parameters<typeof addInferenceRoute>[0]) =>
    addInferenceRoute(server, '/echo', {
      limit: { acquire: () => () => undefined },
      handle: async ({ body }, reply) => {
        reply.hijack()
        reply.raw.end(body)
      },
    }),
}
const POST = 'POST /echo HTTP/1.1\ncontent-type: application/json\nauthorization: Bearer'

test('a JWT is served when it is seen for the first time, body included, and afterwards on the fast path', async () => {
  await using opened = await openServer(guarded)
  const token = jwt({ sub: 'ada' })
  for (const body of ['{"first":1}', '{"second":2}'])
    expect(await opened.send(`${POST} ${token}`, body)).toMatchObject({ status: 200, body })
})

test('a JWT that has expired gets 401 each time', async () => {
  await using opened = await openServer(guarded)
  const token = jwt({ exp: 1 })
  for (const body of ['{"first":1}', '{"second":2}'])
    expect(errorOf(await opened.send(`${POST} ${token}`, body))).toMatchObject({
      code: 401,
      message: 'the token is refused: it has expired',
    })
})
