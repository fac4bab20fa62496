import { bearerIn, type Gate } from '../../auth/verify-bearer.ts'
import type { Handler } from './node/node-server.ts'

/** Verifies a JWT that has not been seen yet before a request is served. All other requests are served at once. */
export function verifyFirst(serve: Handler, gate: Gate | undefined): Handler {
  if (gate === undefined) return serve
  return (request, response) => {
    const bearer = bearerIn(request.headers.authorization)
    if (bearer === undefined || !gate.needsVerification(bearer)) return serve(request, response)
    void gate.verifyAhead(bearer).then(() => serve(request, response))
  }
}
