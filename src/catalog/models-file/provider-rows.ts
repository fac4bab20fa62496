import { BASE_URL_FORMS, baseUrlFault } from '../../base/validate-base-url.ts'
import { shownUrl } from '../../base/redact-url.ts'
import { providerNameFault } from './model-rows.ts'
import type { KeyRow, ProviderSetting, ServerSetting, Timeouts } from '../provider-setting.ts'
import { checked, listOf, mapOf, optional, record, required } from './yaml-form.ts'
import { complain } from './yaml-page.ts'
import type { Form, Spot } from './yaml-page.ts'
import { flag, oneOf, plainValue, text, textThat, wholeNumber } from './yaml-values.ts'

const keyRecord = record({
  env: required(textThat(variableFault)),
  weight: optional(wholeNumber(1)),
  priority: optional(wholeNumber(0)),
  requests_per_minute: optional(wholeNumber(1, 1_000_000)),
})

const timeoutsRecord = record({
  connect_ms: optional(wholeNumber(1)),
  headers_ms: optional(wholeNumber(1)),
  first_token_ms: optional(wholeNumber(1)),
  gap_ms: optional(wholeNumber(1)),
  answer_ms: optional(wholeNumber(1)),
})

const providerRecord = record({
  display_name: optional(text),
  base_url: optional(textThat(urlFault)),
  key_env: optional(textThat(variableFault)),
  keys: optional(listOf(keyRecord)),
  timeouts: optional(timeoutsRecord),
  headers: optional(mapOf(text)),
  quirks: optional(mapOf(plainValue)),
  abort_stops_billing: optional(flag),
  models: optional(oneOf(['listed', 'any'])),
  command: optional(listOf(text)),
  ready_path: optional(textThat(pathFault)),
  idle_timeout_s: optional(wholeNumber(1)),
  port: optional(wholeNumber(1, 65_535)),
})

/** The `providers:` section. */
export const providersForm = mapOf(checked(providerRecord, checkServer), providerNameFault)

type ProviderRow = Read<typeof providerRecord>
type Read<F> = F extends Form<infer T> ? T : never

export function toProviderSetting(name: string, row: ProviderRow): ProviderSetting {
  return Object.freeze({
    name,
    displayName: row.display_name,
    baseUrl: row.base_url,
    keyEnv: row.key_env,
    keys: row.keys?.map(toKey),
    timeouts: row.timeouts === undefined ? undefined : toTimeouts(row.timeouts),
    headers: row.headers ?? new Map<string, string>(),
    quirks: row.quirks ?? new Map<string, string | number | boolean>(),
    abortStopsBilling: row.abort_stops_billing,
    models: row.models,
    server: toServer(row),
  })
}

function toKey(row: Read<typeof keyRecord>): KeyRow {
  const { env, weight, priority, requests_per_minute: requestsPerMinute } = row
  return Object.freeze({ env, weight, priority, requestsPerMinute })
}

/** Only what was written, so that it can be laid over the usual limits. */
function toTimeouts(row: Read<typeof timeoutsRecord>): Timeouts {
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

function urlFault(url: string): string | undefined {
  const fault = baseUrlFault(url)
  if (fault === undefined) return undefined
  return `“${shownUrl(url)}” is not an address (${fault}); write ${BASE_URL_FORMS}`
}

/** Never repeats what was written, for it may be the key itself. */
function variableFault(name: string): string | undefined {
  const isVariable = /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)
  return isVariable
    ? undefined
    : 'should be the name of a variable, such as ACME_API_KEY, never the key itself'
}

function pathFault(path: string): string | undefined {
  return path.startsWith('/') ? undefined : `“${path}” should start with “/”, such as /health`
}

function checkServer(row: ProviderRow, spot: Spot): void {
  const { command } = row
  if (command === undefined) {
    for (const key of ['ready_path', 'idle_timeout_s', 'port'] as const)
      if (row[key] !== undefined) complain(spot, 'only means something together with “command”', key)
    return
  }
  if (command.length === 0) complain(spot, 'is empty; write [program, argument, …]', 'command')
  if (row.port === undefined && command.some((part) => part.includes('{port}')))
    return complain(spot, 'has {port}, and no “port” says which', 'command')
  const isReachable = row.port !== undefined || command.some((part) => part.includes('{socket}'))
  if (!isReachable)
    complain(spot, 'doesn’t say where the server listens: add {socket} to it, or “port”', 'command')
}
