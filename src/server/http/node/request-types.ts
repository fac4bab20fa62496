import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Gate } from '../../../auth/verify-bearer.ts'

/** How a door finds out who asks. */
export interface CallerRules {
  /** What bearers are worth; without it none is read. */
  readonly gate?: Gate | undefined
  /** Addresses of TCP peers whose forwarded headers are believed. */
  readonly proxies?: ReadonlySet<string> | undefined
  /** One payer per /64 of IPv6: a mycelium node has a /64. */
  readonly rollsUp?: boolean | undefined
  /** Where another process took the connection: finds out who is at its other end. */
  readonly peerOf?: ((request: DoorRequest) => string | undefined) | undefined
  /** The door is for this context alone: the file's permissions let people in, and no header says otherwise. */
  readonly context?: string | undefined
}

/** What a door tells its requests about itself. */
export interface DoorRules {
  /** Whether forwarded headers on this door come from a front we trust: true on Unix sockets only. */
  readonly trustForwarded: boolean
  readonly callerRules: CallerRules
  /** For what went wrong in us after an answer began: the caller has been told, the log hasn't. */
  readonly reportBug: (request: DoorRequest, thrown: unknown) => void
}

/** As much of a request as a route looks at that may come the short way. Fastify's own is one. */
export interface DoorRequest {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly socket: Socket
  readonly raw: IncomingMessage
  /** Bytes, or nothing when there were none. */
  readonly body: unknown
  readonly server: DoorRules
  readonly routeOptions: { readonly url?: string | undefined }
}

/** The same of its reply. */
export interface DoorReply {
  readonly request: DoorRequest
  readonly raw: ServerResponse
  /** The answer is the route's own from now on, or is out. */
  readonly sent: boolean
  hijack(): unknown
  /** For an answer that the door will write: an error. */
  headers(values: Readonly<Record<string, string>>): unknown
}

/** Refuses a request by throwing, before its body is read. */
export type Guard = (request: DoorRequest) => void

const EMPTY = new Uint8Array(0)

/** The body of a request; empty when there was none. */
export function bytesOf({ body }: Pick<DoorRequest, 'body'>): Uint8Array {
  return body instanceof Uint8Array ? body : EMPTY
}
