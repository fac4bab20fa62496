import { BrokerError } from '../base/errors.ts'
import type { z } from 'zod'
import { eventsIn } from '../wire/sse.ts'
import { restError } from './read-error.ts'
import type { CallOptions } from './rpc-client.ts'
import { parseJson, readText } from './transport.ts'
import type { Transport, TransportAnswer } from './transport.ts'

/** Sends a REST request: a POST with a body, a GET without one. Throws the broker's own `BrokerError`. */
export async function callRest(
  transport: Transport,
  path: string,
  body: object | undefined,
  { signal }: CallOptions = {},
): Promise<TransportAnswer> {
  const response = await transport({
    listener: 'rest',
    method: body === undefined ? 'GET' : 'POST',
    path,
    body: body === undefined ? undefined : JSON.stringify(body),
    signal,
  })
  if (response.status === 200) return response
  throw restError(response.status, parseJson(await readText(response.body)))
}

/** The complete response, validated by `schema`; fields that the schema doesn't name stay. Throws `internal` if it doesn't match. */
export async function readResponse<S extends z.ZodType>(
  { body }: TransportAnswer,
  schema: S,
): Promise<z.output<S>> {
  return validate(parseJson(await readText(body)), schema)
}

/** The response chunk by chunk. Throws `upstream-failed` when the stream ends before `[DONE]`, so that a truncated response cannot look complete. */
export async function* readChunks<S extends z.ZodType>(
  { body }: TransportAnswer,
  schema: S,
): AsyncGenerator<z.output<S>, void, void> {
  for await (const payload of eventsIn(body)) {
    if (payload === '[DONE]') return
    yield readChunk(payload, schema)
  }
  throw new BrokerError('upstream-failed', 'the response ended before it was complete')
}

/** A failure after the first chunk arrives inside the stream, because the status 200 has been sent already. */
function readChunk<S extends z.ZodType>(payload: string, schema: S): z.output<S> {
  const json = parseJson(payload)
  if (typeof json === 'object' && json !== null && 'error' in json) throw restError(502, json)
  return validate(json, schema)
}

function validate<S extends z.ZodType>(json: unknown, schema: S): z.output<S> {
  const read = schema.safeParse(json)
  if (read.success) return read.data
  throw new BrokerError('internal', 'the broker sent a response that this client does not know')
}
