import type { Transport } from '@modelcontextprotocol/client'

/** The maximum length of one message, and of all pages of one list. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024
export const TOO_LONG = 'it sent a message of more than 16 MB'
export const FLOODS = 'it floods us with messages'

/** A transport to a server that the broker may cut off. */
export interface ServerTransport extends Transport {
  /** Why the broker cut the server off, in words for people; `undefined` while it has not. */
  readonly cutOffReason: string | undefined
  /** Why the last request got no response of an MCP server; `undefined` when it got one, or where there are no requests. */
  readonly failureReason?: string | undefined
}
