import { z } from 'zod'

/** Codes that JSON-RPC 2.0 itself defines (section 5.1); all others are in the error table. */
export const RPC_CODES = { parseError: -32700, invalidRequest: -32600, methodNotFound: -32601 } as const

/** The media type that a client accepts to get a stream of responses. */
export const STREAM_TYPE = 'text/event-stream'

/** Maximum number of calls in one batch. */
export const MAX_BATCH = 100

/** Maximum characters of all calls in a body, save those of methods with large params; parsing 64 MB would block the event loop for seconds. */
export const MAX_CALL_CHARACTERS = 1_000_000

/** One response, with the fields that a client needs. */
export const rpcResponse = z.object({
  id: z.union([z.string(), z.number(), z.null()]),
  result: z.unknown().optional(),
  error: z
    .object({ code: z.number(), message: z.string(), data: z.looseObject({}).nullish().catch(undefined) })
    .nullish(),
})

export type RpcResponse = z.infer<typeof rpcResponse>
