import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ErrorRenderer } from '../errors/error-response.ts'
import type { TrustedProxies } from '../../../auth/address.ts'
import type { BearerVerifier } from '../../../auth/verify-bearer.ts'

/** How a server identifies callers. */
export interface CallerRules {
  /** Verifies bearer tokens; without it none is read. */
  readonly bearerVerifier?: BearerVerifier | undefined
  /** Front ends whose forwarded headers are trusted over TCP, and which do not pay themselves. */
  readonly proxies?: TrustedProxies | undefined
  /** Whether all addresses of an IPv6 /64 are one payer: a mycelium node has a /64. */
  readonly rollsUp?: boolean | undefined
  /** Where another process accepted the connection: returns the address of its peer. */
  readonly peerAddress?: ((request: HttpRequest) => string | undefined) | undefined
  /** The server is for this context alone: file permissions decide who may connect, and the context header is ignored. */
  readonly context?: string | undefined
}

/** What a request can read about its server. */
export interface ServerSettings {
  /** Whether forwarded headers come from a trusted front: true on Unix sockets only. */
  readonly trustForwarded: boolean
  readonly callerRules: CallerRules
  /** Origins of web pages that may call with a token. */
  readonly corsOrigins?: ReadonlySet<string> | undefined
  /** Logs an error of ours after the response has begun: the caller has got it already. */
  readonly reportBug: (request: HttpRequest, thrown: unknown) => void
}

/** The part of a request that a route of the fast path may read. Fastify's request has it too. */
export interface HttpRequest {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly socket: Socket
  readonly raw: IncomingMessage
  /** Bytes; `undefined` without a body. */
  readonly body: unknown
  readonly server: ServerSettings
  readonly routeOptions: MatchedRoute
}

/** The route that a request matched; empty when there is none. */
export interface MatchedRoute {
  /** The pattern of its path. */
  readonly url?: string | undefined
  readonly config?: RouteConfig | undefined
}

/** What a route adds to Fastify's configuration of it. */
export interface RouteConfig {
  /** How the route renders its errors; as its server does without it. */
  readonly renderError?: ErrorRenderer | undefined
}

/** The part of a reply that a route of the fast path may use. Fastify's reply has it too. */
export interface HttpReply {
  readonly request: HttpRequest
  readonly raw: ServerResponse
  /** The response was taken over by the route, or is sent. */
  readonly sent: boolean
  hijack(): unknown
  /** Sets the headers of a response that the server will write: an error. */
  headers(values: Readonly<Record<string, string>>): unknown
}

/** Refuses a request by throwing, before its body is read. */
export type Guard = (request: HttpRequest) => void

const EMPTY = new Uint8Array(0)

/** The body of a request; empty when there was none. */
export function bytesOf({ body }: Pick<HttpRequest, 'body'>): Uint8Array {
  return body instanceof Uint8Array ? body : EMPTY
}
