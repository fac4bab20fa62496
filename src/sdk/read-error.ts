import { z } from 'zod'

import { BrokerError, ERRORS } from '../base/errors.ts'
import type { ErrorCode, ErrorDetails } from '../base/errors.ts'
import type { RpcResponse } from '../wire/rpc/message.ts'

/** Turns the error of an RPC response into the `BrokerError` that the broker threw. */
export function rpcError({ code, message, data }: NonNullable<RpcResponse['error']>): BrokerError {
  const { code: brokerCode, provider, status, raw, retry_after: retryAfter, ...metadata } = data ?? {}
  return new BrokerError(isErrorCode(brokerCode) ? brokerCode : codeForRpc(code), message, {
    details: readDetails({ ...UNREAD, provider, status, raw, retryAfter, metadata }),
  })
}

/** Turns a REST error into the `BrokerError` that the broker threw: the body of a response that is not 2xx, or an `error` inside a stream. */
export function restError(status: number, body: unknown): BrokerError {
  const parsed = envelope.safeParse(body)
  if (!parsed.success)
    return new BrokerError(codeForHttp(status, {}), `the broker responded with HTTP ${status}`)
  const { message, code, param, metadata } = parsed.data.error
  const {
    code: brokerCode,
    provider_name: provider,
    provider_status,
    raw,
    retry_after_seconds: retryAfter,
    ...rest
  } = metadata ?? {}
  const http = typeof code === 'number' ? code : status
  return new BrokerError(isErrorCode(brokerCode) ? brokerCode : codeForHttp(http, metadata ?? {}), message, {
    details: readDetails({
      provider,
      status: provider_status,
      raw,
      retryAfter,
      metadata: rest,
      refusal: undefined,
      field: param,
      attempts: undefined,
    }),
  })
}

const envelope = z.object({
  error: z.object({
    message: z.string(),
    code: z.union([z.number(), z.string()]).nullish(),
    param: z.unknown().optional(),
    metadata: z.record(z.string(), z.unknown()).nullish(),
  }),
})

/** Details that JSON-RPC does not carry. */
const UNREAD = { refusal: undefined, field: undefined, attempts: undefined }

/** Details that only the broker itself uses. */
type BrokerOnlyDetail =
  | 'requestId'
  | 'headers'
  | 'isUnsent'
  | 'isStale'
  | 'mayRepeat'
  | 'mayBeCharged'
  | 'isOverLease'
  | 'routed'

/** A detail of an unexpected type is dropped, so that it cannot hide the error itself. */
function readDetails(given: Record<Exclude<keyof ErrorDetails, BrokerOnlyDetail>, unknown>): ErrorDetails {
  return details.parse(given)
}

const details = z.object({
  provider: z.string().optional().catch(undefined),
  status: z.number().optional().catch(undefined),
  raw: z.string().optional().catch(undefined),
  field: z.string().optional().catch(undefined),
  retryAfter: z.number().optional().catch(undefined),
  metadata: z.record(z.string(), z.unknown()),
})

function isErrorCode(brokerCode: unknown): brokerCode is ErrorCode {
  return typeof brokerCode === 'string' && Object.hasOwn(ERRORS, brokerCode)
}

/** Without our own code: JSON-RPC's codes blame the request, except that an unknown method is `not-found` on this broker. */
function codeForRpc(code: number): ErrorCode {
  if (code === -32601) return 'not-found'
  return errorCodes.find((brokerCode) => ERRORS[brokerCode].rpc === code) ?? 'bad-request'
}

/** Without our own code, as from an old broker or a proxy: status, `error_type` and provider identify most errors. */
function codeForHttp(status: number, metadata: Readonly<Record<string, unknown>>): ErrorCode {
  const fits = errorCodes.filter((brokerCode) => ERRORS[brokerCode].http === status)
  const typed = fits.filter((brokerCode) => ERRORS[brokerCode].type === metadata['error_type'])
  const ours = metadata['provider_name'] === undefined
  const sure = typed.find((brokerCode) => brokerCode.startsWith('upstream-') !== ours)
  return sure ?? typed[0] ?? fits[0] ?? (status >= 500 ? 'internal' : 'bad-request')
}

const errorCodes = Object.keys(ERRORS).filter(isErrorCode)
