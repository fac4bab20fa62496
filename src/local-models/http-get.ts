import { request } from 'node:http'

/** A server on this host: a Unix socket, or a port of 127.0.0.1. */
export type LocalAddress = { readonly socketPath: string } | { readonly port: number }

const MAX_RESPONSE_LENGTH = 1024 * 1024

/** Sends a GET to a server on this host. Rejects when it doesn't respond, on abort, and beyond 1 MiB. Follows no redirect. */
export function httpGet(
  address: LocalAddress,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>()
  const place = 'port' in address ? { host: '127.0.0.1', port: address.port } : address
  const outgoing = request({ ...place, path, signal, agent: false, headers: { accept: 'application/json' } })
  outgoing.once('error', reject)
  outgoing.once('response', (response) => {
    let body = ''
    response.setEncoding('utf8')
    response.on('data', (piece: string) => {
      body += piece
      if (body.length > MAX_RESPONSE_LENGTH)
        outgoing.destroy(new Error(`more than ${MAX_RESPONSE_LENGTH} bytes from ${path}`))
    })
    response.once('error', reject)
    response.once('end', () => resolve({ status: response.statusCode ?? 0, body }))
  })
  outgoing.end()
  return promise
}
