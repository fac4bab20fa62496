import type { CallToolResult } from '@modelcontextprotocol/client'
import { BrokerError } from '../base/errors.ts'
import type { ServerAddress } from './config.ts'

/** Shorter values are switches and names; taking them out of texts would only make these unreadable. */
const SHORTEST = 8

/** Takes what a server was given in confidence out of its own words: some repeat the key that they refuse. */
export function withoutSecrets(text: string, address: ServerAddress): string {
  let clean = text
  for (const value of valuesOf(address)) clean = clean.replaceAll(value, '***')
  return clean
}

/** The same for an error that callers and logs are told, with what the server said along with it. */
export function errorWithoutSecrets(error: BrokerError, address: ServerAddress): BrokerError {
  const { metadata } = error.details
  const clean = metadata && (JSON.parse(withoutSecrets(JSON.stringify(metadata), address)) as typeof metadata)
  const details = { ...error.details, ...(clean === undefined ? {} : { metadata: clean }) }
  return new BrokerError(error.code, withoutSecrets(error.message, address), { details })
}

/** The same for a tool's own account of why it failed; what a tool brings when all went well is the caller's. */
export function resultWithoutSecrets(result: CallToolResult, address: ServerAddress): CallToolResult {
  if (result.isError !== true) return result
  return JSON.parse(withoutSecrets(JSON.stringify(result), address)) as CallToolResult
}

/** Longest first, so that none is left over that another one is a part of. */
function valuesOf(address: ServerAddress): string[] {
  const values =
    address.type === 'stdio'
      ? Object.values(address.env)
      : [...Object.values(address.headers).flatMap(wordsOf), ...address.url.searchParams.values()]
  return values.filter((value) => value.length >= SHORTEST).sort((a, b) => b.length - a.length)
}

/** `Bearer abc` is a word and a key. */
function wordsOf(header: string): string[] {
  return [header, ...header.split(' ')]
}
