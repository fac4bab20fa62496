import { callRest } from './rest-call.ts'
import type { CallOptions } from './rpc-client.ts'
import type { Transport } from './transport.ts'

/** Selects rows of the ledger. Times are unix seconds: from `since` on, before `until`. */
export interface ExportQuery {
  readonly format: 'csv' | 'json'
  readonly since?: number | undefined
  readonly until?: number | undefined
  readonly address?: string | undefined
}

export interface LedgerClient {
  /** The rows of the ledger, newest first, as a stream of bytes, so that a ledger of any size fits. For administrators. */
  exportLedger(query: ExportQuery, options?: CallOptions): AsyncGenerator<Uint8Array, void, void>
}

export function createLedgerClient(transport: Transport): LedgerClient {
  return {
    async *exportLedger({ format, since, until, address }, options) {
      const query = new URLSearchParams()
      for (const [name, value] of Object.entries({ since, until, ip: address }))
        if (value !== undefined) query.set(name, String(value))
      const path = `/billing/export.${format}?${query.toString()}`
      yield* (await callRest(transport, path, undefined, options)).body
    },
  }
}
