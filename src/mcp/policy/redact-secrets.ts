import type { CallToolResult } from '@modelcontextprotocol/client'
import { BrokerError } from '../../base/errors.ts'
import type { ServerAddress } from '../config/config.ts'

/** Shorter values are switches and names; taking them out of texts would only make these unreadable. */
const SHORTEST = 8

/** Takes what a server was given in confidence out of its own words: some repeat the key that they refuse. */
export function withoutSecrets(text: string, address: ServerAddress): string {
  return cleaned(text, valuesOf(address))
}

/** The same for an error that callers and logs are told, with what the server said along with it. */
export function errorWithoutSecrets(error: BrokerError, address: ServerAddress): BrokerError {
  const secrets = valuesOf(address)
  const { metadata } = error.details
  const details = {
    ...error.details,
    ...(metadata === undefined ? {} : { metadata: cleaned(metadata, secrets) }),
  }
  return new BrokerError(error.code, cleaned(error.message, secrets), { details })
}

/** The same for a tool's own account of why it failed; what a tool brings when all went well is the caller's. */
export function resultWithoutSecrets(result: CallToolResult, address: ServerAddress): CallToolResult {
  return result.isError === true ? cleaned(result, valuesOf(address)) : result
}

/** A copy without the secrets in any of its texts; names of fields, and what says of which type a thing is, stay. */
function cleaned<T>(value: T, secrets: readonly string[]): T {
  if (typeof value === 'string')
    return secrets.reduce<string>((text, secret) => text.replaceAll(secret, '***'), value) as T
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item: unknown) => cleaned(item, secrets)) as T
  return Object.fromEntries(
    Object.entries(value).map(([name, item]: [string, unknown]) => [
      name,
      name === 'type' ? item : cleaned(item, secrets),
    ]),
  ) as T
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
