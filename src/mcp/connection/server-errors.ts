import { ProtocolError, SdkError, SdkErrorCode, SdkHttpError } from '@modelcontextprotocol/client'
import { BrokerError } from '../../base/errors.ts'

const MAX_MESSAGE_LENGTH = 500

/** JSON-RPC codes about the caller's own request; the caller gets them unchanged. */
const REQUEST_ERROR_CODES = new Set([-32602, -32021, -32042, -32002])

/**
 * Converts an error of a server or of the SDK. Codes about the request become `upstream-refused` with the server's code and
 * data in `details.metadata`; other messages never contain a command line, an address or a stack.
 */
export function asUpstreamError(server: string, thrown: unknown, aborted: boolean): BrokerError {
  if (thrown instanceof BrokerError) return thrown
  const options = { cause: thrown, details: { provider: server } }
  if (ProtocolError.isInstance(thrown)) {
    const details = { provider: server, metadata: { mcp_code: thrown.code, mcp_data: thrown.data } }
    const code = REQUEST_ERROR_CODES.has(thrown.code) ? 'upstream-refused' : 'upstream-failed'
    return new BrokerError(code, cleanMessage(thrown.message), { cause: thrown, details })
  }
  if (aborted)
    return new BrokerError('upstream-failed', `the call to server “${server}” was cancelled`, options)
  if (SdkHttpError.isInstance(thrown)) {
    const code = thrown.status === 429 ? 'upstream-busy' : 'upstream-failed'
    return new BrokerError(code, `server “${server}” responded with status ${thrown.status}`, options)
  }
  if (SdkError.isInstance(thrown)) {
    if (thrown.code === SdkErrorCode.RequestTimeout) {
      return new BrokerError('upstream-timeout', `server “${server}” did not answer in time`, options)
    }
    if (thrown.code === SdkErrorCode.ConnectionClosed || thrown.code === SdkErrorCode.NotConnected) {
      return new BrokerError('upstream-failed', `server “${server}” went away during the call`, options)
    }
    if (thrown.code === SdkErrorCode.InvalidResult) {
      return new BrokerError('upstream-failed', `server “${server}” sent a result that is none`, options)
    }
  }
  return new BrokerError('upstream-failed', `server “${server}” failed`, options)
}

/** Why a server could not be started or reached, as shown in the list of servers. */
export function startProblem(thrown: unknown): string {
  if (thrown instanceof Error && 'code' in thrown) {
    if (thrown.code === 'ENOENT') return 'its command was not found'
    if (thrown.code === 'EACCES') return 'its command may not be run'
  }
  if (SdkError.isInstance(thrown)) {
    if (thrown.code === SdkErrorCode.RequestTimeout) return 'it did not answer in time'
    if (thrown.code === SdkErrorCode.ConnectionClosed) return 'it ended before it was ready'
    if (thrown.code === SdkErrorCode.EraNegotiationFailed)
      return 'it speaks no protocol revision that we know'
    if (thrown.code === SdkErrorCode.ListPaginationExceeded) return 'one of its lists has no end'
    if (thrown.code === SdkErrorCode.ClientHttpAuthentication)
      return 'it wants credentials that it was not given'
  }
  return thrown instanceof BrokerError ? thrown.message : 'it could not be reached'
}

// oxlint-disable-next-line no-control-regex -- removing control characters is the point
const UNPRINTABLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

function cleanMessage(message: string): string {
  return message.replace(UNPRINTABLE, '').slice(0, MAX_MESSAGE_LENGTH)
}
