import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import { BodyReader } from '../transport/body-reader.ts'
import { errorOfStatus } from '../errors/upstream-errors.ts'
import type { Upstream } from '../transport/upstream.ts'

/** A list of models is some hundred KB; whoever needs longer for it than this is not asked again until the next time. */
const PATIENCE_MS = 20_000

/** One `GET` beside all questions: a provider's list of models and the like. Rejects with a `BrokerError`. */
export function readJson(
  upstream: Upstream,
  asked: {
    readonly path: string
    readonly headers: readonly string[]
    readonly provider: string
    readonly clock: Clock
  },
): Promise<unknown> {
  const { path, provider, clock } = asked
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  let reader: BodyReader | undefined
  const call = upstream.send(
    { method: 'GET', path, headers: [...asked.headers, 'accept-encoding', 'identity'], body: undefined },
    {
      onHeaders(status, headers) {
        reader = new BodyReader((body) => {
          if (status === 200) resolve(body)
          else reject(errorOfStatus(provider, status, headers, body, clock.now()))
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
  const cancel = clock.after(PATIENCE_MS, () => {
    call.abort()
    reject(new BrokerError('upstream-timeout', `${provider} took too long to answer ${path}`))
  })
  return promise.finally(cancel).then((body) => parsed(String(body), provider, path))
}

function parsed(body: string, provider: string, path: string): unknown {
  try {
    return JSON.parse(body)
  } catch (cause) {
    throw new BrokerError('upstream-failed', `${provider} answered ${path} with something that is no JSON`, {
      cause,
      details: { provider, raw: body.slice(0, 200) },
    })
  }
}
