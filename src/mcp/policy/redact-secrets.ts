import type { CallToolResult } from '@modelcontextprotocol/client'
import { BrokerError } from '../../base/errors.ts'
import type { ServerAddress } from '../config/config.ts'

/** Shorter values are switches and names; redacting them would only make texts unreadable. */
const MIN_SECRET_LENGTH = 8

/** Redacts the server's environment, headers and query values in a text of the server: some servers repeat a rejected key. */
export function withoutSecrets(text: string, address: ServerAddress): string {
  return redacted(text, secretsOf(address))
}

/** Redacts the server's secrets in the message and metadata of an error. */
export function errorWithoutSecrets(error: BrokerError, address: ServerAddress): BrokerError {
  const secrets = secretsOf(address)
  const { metadata } = error.details
  const details = {
    ...error.details,
    ...(metadata === undefined ? {} : { metadata: redacted(metadata, secrets) }),
  }
  return new BrokerError(error.code, redacted(error.message, secrets), { details })
}

/** Redacts the server's secrets in the result of a failed tool call; a successful result is returned unchanged. */
export function resultWithoutSecrets(result: CallToolResult, address: ServerAddress): CallToolResult {
  return result.isError === true ? redacted(result, secretsOf(address)) : result
}

/** Copies `value` with the secrets redacted in all its strings except field names and `type` fields. */
function redacted<T>(value: T, secrets: readonly string[]): T {
  if (typeof value === 'string')
    return secrets.reduce<string>((text, secret) => text.replaceAll(secret, '***'), value) as T
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item: unknown) => redacted(item, secrets)) as T
  return Object.fromEntries(
    Object.entries(value).map(([name, item]: [string, unknown]) => [
      name,
      name === 'type' ? item : redacted(item, secrets),
    ]),
  ) as T
}

/** The secrets, longest first, so that no rest of one remains where another is a part of it. */
function secretsOf(address: ServerAddress): string[] {
  const values =
    address.type === 'stdio'
      ? Object.values(address.env)
      : [...Object.values(address.headers).flatMap(wordsOf), ...address.url.searchParams.values()]
  return values.filter((value) => value.length >= MIN_SECRET_LENGTH).sort((a, b) => b.length - a.length)
}

/** The whole header and its words: in `Bearer abc`, `abc` alone is the secret. */
function wordsOf(header: string): string[] {
  return [header, ...header.split(' ')]
}
