import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { DoorReply, DoorRequest, DoorRules, Guard } from '../node/request-types.ts'
import type { RenderedError } from '../errors/error-response.ts'
import type { Handler } from '../node/node-server.ts'
import type { Incoming } from '../node/fast-request.ts'
import { bearerIn } from '../../../auth/verify-bearer.ts'
import { tellError } from '../errors/send-error.ts'

/** A route that takes the short way. What it throws is told as any error of its door. */
export interface ShortRoute {
  /** Before the body is read; may refuse. What it returns is called when the exchange is over, however it ended. */
  enter(): () => void
  handle(request: DoorRequest, reply: DoorReply): Promise<void>
}

/** What the short way has in common with the rest of its door. */
export interface ShortWayParts {
  readonly rules: DoorRules
  readonly guards: readonly Guard[]
  readonly bodyLimit: number
  readonly render: (request: DoorRequest, thrown: unknown) => RenderedError
}

/** What clients send; any other content type is looked at in full. */
const JSON_TYPES: ReadonlySet<string> = new Set(['application/json', 'application/json; charset=utf-8'])

/**
 * Routes for the requests that come most. What is in order at first sight (POST, a path as it stands in the list, JSON of a
 * known length that is not too much) goes straight to its route; whatever is anyhow different goes the long way through
 * the framework, which knows more, is never wrong, and takes 9 of 88 µs (and three times that of a request that is
 * the first in a while). So no rule stands here twice, save for what is right without doubt.
 */
export class ShortWay {
  readonly #routes = new Map<string, ShortRoute>()

  add(url: string, route: ShortRoute): void {
    this.#routes.set(url, route)
  }

  /** Serves what can come this way, and hands on the rest. */
  before(longWay: Handler, parts: ShortWayParts): Handler {
    return (request, response) => {
      const { url = '' } = request
      const route = request.method === 'POST' ? this.#routes.get(url) : undefined
      if (route === undefined || !isPlain(request, parts)) return longWay(request, response)
      return serve(new ShortRequest(request, url, parts.rules), response, route, parts)
    }
  }
}

function isPlain({ headers }: Incoming, { bodyLimit, rules: { callerRules } }: ShortWayParts): boolean {
  return (
    callerRules.gate?.needsVerification(bearerIn(headers.authorization)) !== true &&
    JSON_TYPES.has(headers['content-type'] ?? '') &&
    headers['transfer-encoding'] === undefined &&
    Number(headers['content-length']) <= bodyLimit
  )
}

function serve(
  request: ShortRequest,
  response: ServerResponse,
  route: ShortRoute,
  parts: ShortWayParts,
): void {
  const reply = new ShortReply(request, response)
  let leave: (() => void) | undefined
  response.on('close', () => leave?.())
  try {
    for (const guard of parts.guards) guard(request)
    leave = route.enter()
  } catch (refusal) {
    return fail(reply, refusal, parts)
  }
  request.raw.whole((body) => {
    request.body = body
    void answer(reply, route, parts)
  })
}

async function answer(reply: ShortReply, route: ShortRoute, parts: ShortWayParts): Promise<void> {
  try {
    await route.handle(reply.request, reply)
  } catch (thrown) {
    fail(reply, thrown, parts)
  }
}

/** Who got half an answer is cut off, so that nobody takes it for whole. */
function fail(
  { request, raw, ownHeaders }: ShortReply,
  thrown: unknown,
  { render, rules }: ShortWayParts,
): void {
  if (!raw.headersSent) {
    try {
      return tellError(raw, render(request, thrown), ownHeaders)
    } catch (bug) {
      rules.reportBug(request, bug)
    }
  } else rules.reportBug(request, thrown)
  raw.destroy()
}

class ShortRequest implements DoorRequest {
  readonly method = 'POST'
  readonly headers: IncomingHttpHeaders
  readonly socket: Socket
  readonly raw: Incoming
  readonly server: DoorRules
  readonly routeOptions: { readonly url: string }
  body: Uint8Array | undefined

  constructor(raw: Incoming, url: string, server: DoorRules) {
    this.raw = raw
    this.headers = raw.headers
    this.socket = raw.socket
    this.server = server
    this.routeOptions = { url }
  }
}

class ShortReply implements DoorReply {
  readonly request: DoorRequest
  readonly raw: ServerResponse
  sent = false
  ownHeaders: Readonly<Record<string, string>> | undefined

  constructor(request: DoorRequest, raw: ServerResponse) {
    this.request = request
    this.raw = raw
  }

  hijack(): void {
    this.sent = true
  }

  headers(values: Readonly<Record<string, string>>): void {
    this.ownHeaders = values
  }
}
