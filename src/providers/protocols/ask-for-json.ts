import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import { errorOfStatus } from '../errors/upstream-errors.ts'
import { BodyReader } from '../transport/body-reader.ts'
import type { Upstream } from '../transport/upstream.ts'

/** A list of models is some hundred KB; a provider that needs longer for it is tried again at the next refresh. */
const TIMEOUT_MS = 20_000
const JSON_TYPE = ['content-type', 'application/json']

export interface JsonRequest {
  readonly path: string
  /** JSON to `POST`; without it the request is a `GET`. */
  readonly body?: string | undefined
  readonly headers: readonly string[]
  /** For error messages. */
  readonly provider: string
  readonly clock: Clock
}

/** Sends one request beside those of callers, as for a list of models, and parses its JSON. Rejects with a `BrokerError`. */
export function askForJson(
  upstream: Upstream,
  { path, body: sent, headers, provider, clock }: JsonRequest,
): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let reader: BodyReader | undefined
  const call = upstream.send(
    {
      method: sent === undefined ? 'GET' : 'POST',
      path,
      headers: [...headers, ...(sent === undefined ? [] : JSON_TYPE), 'accept-encoding', 'identity'],
      body: sent,
    },
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
