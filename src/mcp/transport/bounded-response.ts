import { Response } from 'undici'
import { BrokerError } from '../../base/errors.ts'
import type { MessageRateLimit } from './rate-limits.ts'
import { FLOODS, MAX_MESSAGE_BYTES, TOO_LONG } from './server-transport.ts'

/** Responses arrive as events too, so the length of an event counts less than that of an unsolicited message. */
const RESPONSE_DISCOUNT = 16
const NEWLINE = 0x0a
const RETURN = 0x0d

/** A plain response over the limit fails its call alone; an event stream serves several calls, so the connection is closed. */
interface ResponseLimits {
  readonly server: string
  readonly isWithinLimit: MessageRateLimit
  readonly onLimitExceeded: (problem: string) => void
}

/** Copies a response so that its body ends with an error when a message in it is too long or its events are too many. */
export function limitResponse(response: Response, limits: ResponseLimits): Response {
  const { body, status, statusText, headers } = response
  if (body === null) return response
  const isStream = headers.get('content-type')?.startsWith('text/event-stream') === true
  const check = isStream ? eventCheck(limits) : bodyCheck(limits)
  const checked = body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        check(chunk)
        controller.enqueue(chunk)
      },
    }),
  )
  return new Response(checked, { status, statusText, headers })
}

type Check = (chunk: Uint8Array) => void

function bodyCheck({ server }: ResponseLimits): Check {
  let bytes = 0
  return (chunk) => {
    bytes += chunk.length
    if (bytes > MAX_MESSAGE_BYTES)
      throw new BrokerError('upstream-failed', `server “${server}” sent a message of more than 16 MB`)
  }
}

/** An event ends with an empty line; lines end with LF, CR or both. */
function eventCheck({ isWithinLimit, onLimitExceeded }: ResponseLimits): Check {
  let bytes = 0
  let isLineEmpty = true
  let isAfterReturn = false
  const refuse = (problem: string): never => {
    onLimitExceeded(problem)
    throw new Error(problem)
  }
  return (chunk) => {
    for (const byte of chunk) {
      bytes++
      const endsLine = byte === RETURN || (byte === NEWLINE && !isAfterReturn)
      if (endsLine && isLineEmpty) {
        if (!isWithinLimit(bytes / RESPONSE_DISCOUNT)) refuse(FLOODS)
        bytes = 0
      }
      if (endsLine) isLineEmpty = true
      else if (byte !== NEWLINE) isLineEmpty = false
      isAfterReturn = byte === RETURN
    }
    if (bytes > MAX_MESSAGE_BYTES) refuse(TOO_LONG)
  }
}
