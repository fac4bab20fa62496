import { expect, test } from 'vitest'
import { addHeroRoutes } from '../../../src/server/http/hero-routes.ts'
import { openServer } from './open-server.ts'

test('every socket serves its health and its manifest for Hero', async () => {
  let isServing = true
  const service = {
    protocol: 'rest',
    socket: 'rest',
    version: '1.2.3',
    title: 'AI broker',
    description: 'Models.',
  } as const
  await using opened = await openServer({
    routes: (server) => addHeroRoutes(server, service, () => isServing),
  })
  const health = await opened.send('GET /health HTTP/1.1')
  expect(JSON.parse(health?.body ?? '')).toEqual({ status: 'ok', service: 'hero_aibroker', version: '1.2.3' })
  isServing = false
  const unavailable = await opened.send('GET /health HTTP/1.1')
  expect(unavailable?.status).toBe(503)
  expect(JSON.parse(unavailable?.body ?? '')).toMatchObject({ status: 'unavailable' })
  const manifest = await opened.send('GET /.well-known/heroservice.json HTTP/1.1')
  expect(manifest?.headers.get('content-type')).toContain('application/json')
  expect(JSON.parse(manifest?.body ?? '')).toEqual({
    protocol: 'rest',
    name: 'hero_aibroker',
    title: 'AI broker',
    version: '1.2.3',
    description: 'Models.',
    socket: 'rest',
  })
})
