import { ERRORS } from '../../../base/errors.ts'
import type { BrokerError } from '../../../base/errors.ts'

/** A call that failed before any handler of ours saw it: a fault in the protocol's own terms. */
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

/** A failure of ours in the protocol's terms: the table's number, our word for it and what is known besides. */
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

/** An error answer as JSON text; `id` is JSON text too. */
export function faultText(fault: RpcFault, id: string): string {
  const error = JSON.stringify({ code: fault.code, message: fault.message, data: fault.data })
  return `{"jsonrpc":"2.0","error":${error},"id":${id}}`
}
