import { z } from 'zod'

/** Codes that the protocol itself defines (JSON-RPC 2.0, section 5.1); all others are in the error table. */
export const RPC_CODES = { parseError: -32700, invalidRequest: -32600, methodNotFound: -32601 } as const

/** What a caller accepts who wants answers for as long as there are any. */
export const STREAM_TYPE = 'text/event-stream'

/** Most calls of one batch. */
export const MAX_BATCH = 100

/** Most letters of all calls together whose methods don't take much; 64 MB of them would keep everybody waiting for seconds. */
export const MOST_LETTERS = 1_000_000

/** One answer as a client reads it; the smallest shape that serves. */
export const rpcAnswer = z.object({
  id: z.union([z.string(), z.number(), z.null()]),
  result: z.unknown().optional(),
  error: z
    .object({ code: z.number(), message: z.string(), data: z.looseObject({}).nullish().catch(undefined) })
    .nullish(),
})

export type RpcAnswer = z.infer<typeof rpcAnswer>
