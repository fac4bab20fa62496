import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import { errorOfStatus } from '../errors/upstream-errors.ts'
import { BodyReader } from '../transport/body-reader.ts'
import type { Upstream } from '../transport/upstream.ts'

/** A list of models is some hundred KB; a provider that needs longer for it is tried again at the next refresh. */
const TIMEOUT_MS = 20_000

export interface GetRequest {
  readonly path: string
  readonly headers: readonly string[]
  /** For error messages. */
  readonly provider: string
  readonly clock: Clock
}

/** Sends one `GET`, for a provider's list of models and the like, and parses its JSON. Rejects with a `BrokerError`. */
export function getJson(
  upstream: Upstream,
  { path, headers, provider, clock }: GetRequest,
): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let reader: BodyReader | undefined
  const call = upstream.send(
    { method: 'GET', path, headers: [...headers, 'accept-encoding', 'identity'], body: undefined },
    {
      onHeaders(status, responseHeaders) {
        reader = new BodyReader((body) => {
          if (status === 200) resolve(body)
          else reject(errorOfStatus(provider, status, responseHeaders, body, clock.now()))
        })
      },
      onData(bytes) {
        try {
          reader?.data(bytes)
        } catch (error) {
          call.abort()
          reject(error)
        }
      },
      onEnd: () => reader?.end(),
      onError: reject,
    },
  )
  const cancel = clock.after(TIMEOUT_MS, () => {
    call.abort()
    reject(new BrokerError('upstream-timeout', `${provider} took too long to respond to ${path}`))
  })
  return promise.finally(cancel).then((body) => parsed(body, provider, path))
}

function parsed(body: string, provider: string, path: string): unknown {
  try {
    return JSON.parse(body)
  } catch (cause) {
    throw new BrokerError(
      'upstream-failed',
      `${provider} responded to ${path} with something that is not JSON`,
      {
        cause,
        details: { provider, raw: body.slice(0, 200) },
      },
    )
  }
}
