import { ProtocolError, ResourceNotFoundError } from '@modelcontextprotocol/server'
import type { CallToolResult } from '@modelcontextprotocol/server'
import { BrokerError, ERRORS, asBrokerError } from '../../../base/errors.ts'

/** Where a result carries our error code and the time to retry after. */
const ERROR_META_KEY = 'hero-aibroker/error'

const INVALID_PARAMS = -32602
const RESOURCE_NOT_FOUND = -32002

/** Transient errors: the calling model should see them, because it can wait or choose another tool. */
const TRANSIENT_ERRORS: ReadonlySet<string> = new Set([
  'over-limit',
  'over-budget',
  'upstream-down',
  'upstream-busy',
  'upstream-failed',
  'upstream-timeout',
  'upstream-denied',
])

/** A failed tool call in the form of MCP: a result with `isError` where the model can react, else a thrown protocol error. */
export function toolFailure(thrown: unknown): CallToolResult {
  const error = asBrokerError(thrown)
  if (!TRANSIENT_ERRORS.has(error.code)) throw protocolError(error)
  const { retryAfter, metadata } = error.details
  const hint = retryAfter === undefined ? '' : `; try again in ${retryAfter} s`
  return {
    content: [{ type: 'text', text: `${error.message}${hint}` }],
    isError: true,
    _meta: {
      [ERROR_META_KEY]: { code: error.code, ...(retryAfter !== undefined && { retryAfter }), ...metadata },
    },
  }
}

/** Any failure as a JSON-RPC error: with the code of the upstream server where it concerns the request, else with ours. */
export function protocolError(thrown: unknown): ProtocolError {
  const error = asBrokerError(thrown)
  const { metadata = {}, retryAfter } = error.details
  const code = metadata['mcp_code']
  if (error.code === 'upstream-refused' && typeof code === 'number') {
    // The newest revision does not know the old code for a missing resource.
    const known = code === RESOURCE_NOT_FOUND ? INVALID_PARAMS : code
    return ProtocolError.fromError(known, error.message, metadata['mcp_data'])
  }
  const data = { code: error.code, ...(retryAfter !== undefined && { retryAfter }) }
  return new ProtocolError(mcpCode(error), error.message, data)
}

/** `protocolError`, save that a missing resource has the form by which clients recognise it. */
export function resourceError(uri: string, thrown: unknown): ProtocolError {
  const error = asBrokerError(thrown)
  return error.code === 'not-found' ? new ResourceNotFoundError(uri, error.message) : protocolError(error)
}

function mcpCode({ code }: BrokerError): number {
  return code === 'not-found' ? INVALID_PARAMS : ERRORS[code].rpc
}
