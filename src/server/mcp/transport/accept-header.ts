import { EventSplitter } from '../../../wire/sse.ts'

const JSON_TYPE = 'application/json'
const EVENTS_TYPE = 'text/event-stream'

/** The forms of a response that a client reads. */
export interface AcceptedForms {
  readonly json: boolean
  readonly events: boolean
}

/** Reads `Accept` (RFC 9110, 12.5.1). A client that sends none reads anything. */
export function acceptedForms(header: string | null): AcceptedForms {
  if (header === null || header.trim() === '') return { json: true, events: true }
  const ranges = header
    .toLowerCase()
    .split(',')
    .map((range) => range.split(';').map((part) => part.trim()))
    .filter(([, ...parameters]) => !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter)))
    .map(([type]) => type)
  const accepts = (type: string): boolean =>
    ranges.some((range) => range === type || range === '*/*' || range === `${type.split('/')[0]}/*`)
  return { json: accepts(JSON_TYPE), events: accepts(EVENTS_TYPE) }
}

/** Makes `Accept` name both forms, as the protocol wants it, if the client reads at least one of them. */
export function acceptBothForms(headers: Headers): void {
  const { json, events } = acceptedForms(headers.get('accept'))
  if (json || events) headers.set('accept', `${JSON_TYPE}, ${EVENTS_TYPE}`)
}

/**
 * The response to a call in a form that its client reads: the last message of a stream as JSON, or JSON as a stream of one event.
 * A stream that belongs to no call has no end, and stays one.
 */
export async function inAcceptedForm(
  response: Response,
  forms: AcceptedForms,
  body: unknown,
): Promise<Response> {
  const type = response.headers.get('content-type')?.split(';', 1)[0]
  if (forms.json === forms.events || !response.ok) return response
  if (type === EVENTS_TYPE && forms.json)
    return isEndlessCall(body) ? response : await asJson(response, idOf(body))
  if (type === JSON_TYPE && forms.events) return await asEvents(response)
  return response
}

function isEndlessCall(body: unknown): boolean {
  const { id, method } = (body ?? {}) as { id?: unknown; method?: unknown }
  return id === undefined || method === 'subscriptions/listen'
}

function idOf(body: unknown): unknown {
  return (body as { id?: unknown }).id
}

/** Reads the stream up to the response with this id; messages before it, such as progress, are left out. */
async function asJson(response: Response, id: unknown): Promise<Response> {
  let found: string | undefined
  const splitter = new EventSplitter((payload) => {
    if (isResponseTo(id, payload)) found ??= payload
  })
  for await (const bytes of response.body ?? []) {
    splitter.feed(bytes)
    if (found !== undefined) break
  }
  if (found === undefined) splitter.end()
  const error = { code: -32_603, message: 'the stream ended before the response to this call' }
  return new Response(found ?? JSON.stringify({ jsonrpc: '2.0', id, error }), {
    status: response.status,
    headers: withType(response.headers, JSON_TYPE),
  })
}

function isResponseTo(id: unknown, payload: string): boolean {
  try {
    const message = JSON.parse(payload) as { id?: unknown; method?: unknown }
    return message.id === id && message.method === undefined
  } catch {
    return false
  }
}

async function asEvents(response: Response): Promise<Response> {
  const text = await response.text()
  const lines = text.split(/\r?\n/).map((line) => `data: ${line}\n`)
  return new Response(`event: message\n${lines.join('')}\n`, {
    status: response.status,
    headers: withType(response.headers, EVENTS_TYPE),
  })
}

function withType(before: Headers, type: string): Headers {
  const headers = new Headers(before)
  headers.set('content-type', type)
  headers.delete('content-length')
  return headers
}
