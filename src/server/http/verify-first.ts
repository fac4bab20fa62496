import { bearerOf, type BearerVerifier } from '../../auth/verify-bearer.ts'
import type { RequestListener } from './node/node-server.ts'

/** Verifies a JWT that has not been seen yet before a request is served. All other requests are served at once. */
export function verifyFirst(serve: RequestListener, verifier: BearerVerifier | undefined): RequestListener {
  if (verifier === undefined) return serve
  return (request, response) => {
    const bearer = bearerOf(request.headers.authorization)
    if (bearer === undefined || !verifier.needsVerification(bearer)) return serve(request, response)
    void verifier.verifyAhead(bearer).then(() => serve(request, response))
  }
}
