import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../../../src/base/clock.ts'
import { parseBaseUrl } from '../../../../src/providers/transport/base-url.ts'
import { http1Upstream } from '../../../../src/providers/transport/http1/http1-upstream.ts'
import type { Upstream } from '../../../../src/providers/transport/upstream.ts'
import { recordResponse, recordCall, TEST_REQUEST } from '../../../support/received-response.ts'
import { testAuthority } from '../../../support/test-certificates.ts'

const authority = testAuthority()
const localhost = authority.issue('localhost')

const open: (() => PromiseLike<unknown>)[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const close of open.splice(0).reverse()) await close()
})

interface TlsServer {
  readonly port: number
  /** The handshake of each connection. */
  readonly seen: {
    servername: string | false
    protocol: string | false | null
    isReused: boolean
    version: string | null
  }[]
}

async function tlsServer(options: TlsOptions, onRequest: (socket: TLSSocket) => unknown): Promise<TlsServer> {
  const seen: TlsServer['seen'] = []
  const sockets = new Set<TLSSocket>()
  const server = createServer(options, (socket) => {
    sockets.add(socket)
    seen.push({
      servername: (socket as { servername?: string | false }).servername ?? false,
      protocol: socket.alpnProtocol,
      isReused: socket.isSessionReused(),
      version: socket.getProtocol(),
    })
    socket.on('error', () => {})
    socket.on('data', () => onRequest(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return { port: (server.address() as AddressInfo).port, seen }
}

function upstreamAt(url: string, ca: string | undefined = authority.certificate): Upstream {
  const upstream = http1Upstream(parseBaseUrl(url), { clock: systemClock, tls: { ca } })
  open.push(() => upstream.close())
  return upstream
}

const HI = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi'
const pem = { cert: localhost.certificate, key: localhost.key }

describe('over TLS', () => {
  test('a request gets its response, with the server’s name (SNI) and HTTP/1.1 (ALPN) in the handshake', async () => {
    const { port, seen } = await tlsServer({ ...pem, ALPNProtocols: ['h2', 'http/1.1'] }, (socket) =>
      socket.write(HI),
    )
    const upstream = upstreamAt(`https://localhost:${port}/v1`)
    expect((await recordResponse(upstream)).body.toString()).toBe('hi')
    expect((await recordResponse(upstream)).body.toString()).toBe('hi')
    expect(seen).toEqual([
      { servername: 'localhost', protocol: 'http/1.1', isReused: false, version: 'TLSv1.3' },
    ])
  })

  test('a second connection resumes the TLS session of the first', async () => {
    const closing = HI.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n')
    const { port, seen } = await tlsServer(pem, (socket) => socket.write(closing))
    const upstream = upstreamAt(`https://localhost:${port}/v1`)
    for (let nth = 0; nth < 3; nth++) expect((await recordResponse(upstream)).status).toBe(200)
    expect(seen.map(({ isReused }) => isReused)).toEqual([false, true, true])
  })

  test('a large response arrives whole, though its reader pauses', async () => {
    const size = 8 * 1024 * 1024
    let hasRequest = false
    const { port } = await tlsServer(pem, (socket) => {
      if (hasRequest) return
      hasRequest = true
      socket.write(`HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ${size}\r\n\r\n`)
      socket.write(Buffer.alloc(size, 'x'))
    })
    const { call, response, recorded } = recordCall(
      upstreamAt(`https://localhost:${port}/v1`),
      TEST_REQUEST,
      {
        onHeaders() {
          call.pause()
          setImmediate(() => setImmediate(() => call.resume()))
        },
      },
    )
    await response
    expect(recorded.error).toBeUndefined()
    expect(recorded.body.length).toBe(size)
  })

  test('a pause before the connection is made does not stop connecting, and holds the response back', async () => {
    const sent = Promise.withResolvers<void>()
    const { port } = await tlsServer(pem, (socket) => socket.write(HI, () => sent.resolve()))
    const { call, response, recorded } = recordCall(upstreamAt(`https://localhost:${port}/v1`))
    call.pause()
    await sent.promise
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(recorded.events).toEqual([])
    call.resume()
    expect((await response).body.toString()).toBe('hi')
  })

  test('an IP address works with a certificate for it', async () => {
    const { certificate, key } = authority.issue('127.0.0.1')
    const { port } = await tlsServer({ cert: certificate, key }, (socket) => socket.write(HI))
    expect((await recordResponse(upstreamAt(`https://127.0.0.1:${port}/v1`))).status).toBe(200)
  })
})

describe('a certificate', () => {
  const expired = authority.issue('localhost', { days: -1 })
  const other = authority.issue('example.com')

  test.each([
    ['of an unknown authority', pem, testAuthority().certificate],
    ['of another name', { cert: other.certificate, key: other.key }, authority.certificate],
    ['that has expired', { cert: expired.certificate, key: expired.key }, authority.certificate],
  ])(
    '%s is refused before anything is sent, even with NODE_TLS_REJECT_UNAUTHORIZED=0',
    async (_name, server, ca) => {
      vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
      let hasRequest = false
      const { port } = await tlsServer(server, () => (hasRequest = true))
      const { error } = await recordResponse(upstreamAt(`https://localhost:${port}/v1`, ca))
      expect(error).toMatchObject({
        code: 'upstream-failed',
        message: /no connection to localhost/,
        details: { mayRepeat: true },
      })
      expect(hasRequest).toBe(false)
    },
  )

  test('does not help a server that only speaks TLS 1.1', async () => {
    const { port } = await tlsServer(
      { ...pem, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
      () => {},
    )
    expect((await recordResponse(upstreamAt(`https://localhost:${port}/v1`))).error?.code).toBe(
      'upstream-failed',
    )
  })
})
