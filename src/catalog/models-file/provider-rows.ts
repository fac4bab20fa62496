import { PROXY_URL_FORMS, validateProxyUrl } from '../../base/urls/proxy-url.ts'
import { BASE_URL_FORMS, validateBaseUrl } from '../../base/urls/validate-base-url.ts'
import { redactUrl } from '../../base/text.ts'
import { providerNameError } from './model-rows.ts'
import type { KeyRow, ProviderSetting, ServerSetting, Timeouts } from '../provider-setting.ts'
import type { z } from 'zod'
import {
  checked,
  flag,
  listOf,
  mapOf,
  oneOf,
  plainValue,
  record,
  text,
  textThat,
  wholeNumber,
  type Readable,
} from './yaml-schemas.ts'

const keyRecord = record({
  env: textThat(variableError),
  weight: wholeNumber(1).optional(),
  priority: wholeNumber(0).optional(),
  requests_per_minute: wholeNumber(1, 1_000_000).optional(),
})

const timeoutsRecord = record({
  connect_ms: wholeNumber(1).optional(),
  headers_ms: wholeNumber(1).optional(),
  first_token_ms: wholeNumber(1).optional(),
  gap_ms: wholeNumber(1).optional(),
  answer_ms: wholeNumber(1).optional(),
})

const providerRecord = record({
  display_name: text.optional(),
  base_url: textThat(urlError).optional(),
  protocol: oneOf(['openai-chat', 'anthropic', 'gemini', 'responses']).optional(),
  proxy: textThat(proxyError).optional(),
  key_env: textThat(variableError).optional(),
  keys: listOf(keyRecord).optional(),
  timeouts: timeoutsRecord.optional(),
  headers: mapOf(text).optional(),
  quirks: mapOf(plainValue).optional(),
  abort_stops_billing: flag.optional(),
  abort_stops_plain_billing: flag.optional(),
  models: oneOf(['listed', 'any']).optional(),
  command: listOf(text).optional(),
  ready_path: textThat(pathError).optional(),
  idle_timeout_s: wholeNumber(1).optional(),
  port: wholeNumber(1, 65_535).optional(),
})

/** The `providers:` section. */
export const providersSection = mapOf(checked(providerRecord, checkServer), providerNameError)

type ProviderRow = z.output<typeof providerRecord>

export function toProviderSetting(name: string, row: ProviderRow): ProviderSetting {
  return Object.freeze({
    name,
    displayName: row.display_name,
    baseUrl: row.base_url,
    protocol: row.protocol,
    proxy: row.proxy,
    keyEnv: row.key_env,
    keys: row.keys?.map(toKey),
    timeouts: row.timeouts === undefined ? undefined : toTimeouts(row.timeouts),
    headers: row.headers ?? new Map<string, string>(),
    quirks: row.quirks ?? new Map<string, string | number | boolean>(),
    abortStopsBilling: row.abort_stops_billing,
    abortStopsPlainBilling: row.abort_stops_plain_billing,
    models: row.models,
    server: toServer(row),
  })
}

function toKey(row: z.output<typeof keyRecord>): KeyRow {
  const { env, weight, priority, requests_per_minute: requestsPerMinute } = row
  return Object.freeze({ env, weight, priority, requestsPerMinute })
}

/** Only the timeouts that are set, so that they can be spread over the default ones. */
function toTimeouts(row: z.output<typeof timeoutsRecord>): Timeouts {
  const named = {
    connectMs: row.connect_ms,
    headersMs: row.headers_ms,
    firstTokenMs: row.first_token_ms,
    gapMs: row.gap_ms,
    answerMs: row.answer_ms,
  }
  return Object.freeze(Object.fromEntries(Object.entries(named).filter(([, ms]) => ms !== undefined)))
}

function toServer(row: ProviderRow): ServerSetting | undefined {
  if (row.command === undefined) return undefined
  return Object.freeze({
    command: row.command,
    readyPath: row.ready_path,
    idleTimeoutMs: row.idle_timeout_s === undefined ? undefined : row.idle_timeout_s * 1000,
    port: row.port,
  })
}

function urlError(url: string): string | undefined {
  const fault = validateBaseUrl(url)
  if (fault === undefined) return undefined
  return `“${redactUrl(url)}” is not an address (${fault}); write ${BASE_URL_FORMS}`
}

function proxyError(url: string): string | undefined {
  const fault = url === 'direct' ? undefined : validateProxyUrl(url)
  if (fault === undefined) return undefined
  return `should be the address of an HTTP proxy (${fault}); write “direct”, ${PROXY_URL_FORMS}`
}

/** The message never quotes the value, for it may be the key itself. */
function variableError(name: string): string | undefined {
  const isVariable = /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)
  return isVariable
    ? undefined
    : 'should be the name of a variable, such as ACME_API_KEY, never the key itself'
}

function pathError(path: string): string | undefined {
  return path.startsWith('/') ? undefined : `“${path}” should start with “/”, such as /health`
}

function checkServer(
  row: Readable<ProviderRow>,
  complain: (message: string, ...path: PropertyKey[]) => void,
): void {
  const { command } = row
  if (command === undefined) {
    for (const key of ['ready_path', 'idle_timeout_s', 'port'] as const)
      if (row[key] !== undefined) complain('only means something together with “command”', key)
    return
  }
  if (command.length === 0) complain('is empty; write [program, argument, …]', 'command')
  if (row.port === undefined && command.some((part) => part?.includes('{port}')))
    return complain('has {port}, and no “port” says which', 'command')
  const isReachable = row.port !== undefined || command.some((part) => part?.includes('{socket}'))
  if (!isReachable) complain('doesn’t say where the server listens: add {socket} to it, or “port”', 'command')
}
