import { ERRORS } from '../../../base/errors.ts'
import type { BrokerError } from '../../../base/errors.ts'

/** An error in terms of JSON-RPC: its code, message and data. */
export class RpcFault extends Error {
  readonly code: number
  readonly data: Readonly<Record<string, unknown>> | undefined

  constructor(code: number, message: string, data?: Readonly<Record<string, unknown>>) {
    super(message)
    this.name = 'RpcFault'
    this.code = code
    this.data = data
  }
}

/** A `BrokerError` as a JSON-RPC error: the number from the error table, our error code and the details. */
export function faultOf(error: BrokerError): RpcFault {
  const { provider, status, raw, retryAfter, metadata } = error.details
  return new RpcFault(ERRORS[error.code].rpc, error.message, {
    ...metadata,
    code: error.code,
    provider,
    status,
    raw,
    retry_after: retryAfter,
  })
}

/** An error response as JSON text; `id` is JSON text too. */
export function faultText(fault: RpcFault, id: string): string {
  const error = JSON.stringify({ code: fault.code, message: fault.message, data: fault.data })
  return `{"jsonrpc":"2.0","error":${error},"id":${id}}`
}
