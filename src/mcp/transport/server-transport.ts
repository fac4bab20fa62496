import type { Transport } from '@modelcontextprotocol/client'

export const LONGEST_MESSAGE_BYTES = 16 * 1024 * 1024
export const TOO_LONG = 'it sent a message of more than 16 MB'
export const FLOODS = 'it floods us with messages'

/** A way to a server that we may have to cut off. */
export interface ServerTransport extends Transport {
  /** Why we cut it off, in words for people; absent while we didn't. */
  readonly cutOffFor: string | undefined
}
