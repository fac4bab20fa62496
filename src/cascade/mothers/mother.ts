import { BrokerError } from '../../base/errors.ts'
import { parseUsd, ZERO } from '../../base/money.ts'
import { Secret } from '../../base/secret.ts'
import { truncate } from '../../base/text.ts'
import { validateBaseUrl } from '../../base/urls/validate-base-url.ts'
import type { SettingsRecord } from '../../store/settings/settings-store.ts'

/** A broker above this one, as it was registered. One of `address`, `url` and `socket` says where it is. */
export interface Mother {
  /** `ai_broker_mother`, `ai_broker_mother2`, …; also her name as a provider. */
  readonly id: string
  /** An IP address or a host name; then `port` is set, too. */
  readonly address?: string | undefined
  readonly port?: number | undefined
  /** Base URL up to and including `/v1`, for a mother behind a front. */
  readonly url?: string | undefined
  /** Path of her `rest.sock`. */
  readonly socket?: string | undefined
  readonly label?: string | undefined
  /** Of all her endpoints; the lowest is tried first. */
  readonly priority: number
  readonly enabled: boolean
  /** The bearer token that this broker sends her. */
  readonly token?: Secret | undefined
  /** Name of an environment variable with that token, so that it is not stored. */
  readonly tokenEnv?: string | undefined
  /** Whether `address` and `port` are reached over TLS. */
  readonly tls: boolean
  /** SHA-256 of her certificate in hexadecimal, which is then the only one that is accepted. */
  readonly fingerprint?: string | undefined
  /** US dollars of a lease that this broker asks her for in advance; requests to her are then sent under it. */
  readonly leaseUsd?: string | undefined
}

/** What `mothers.add` and `mothers.update` set. `null` clears a field. */
export interface MotherFields {
  readonly address?: string | null | undefined
  readonly port?: number | null | undefined
  readonly url?: string | null | undefined
  readonly socket?: string | null | undefined
  readonly label?: string | null | undefined
  readonly priority?: number | undefined
  readonly enabled?: boolean | undefined
  readonly token?: string | null | undefined
  readonly token_env?: string | null | undefined
  readonly tls?: boolean | undefined
  readonly fingerprint?: string | null | undefined
  readonly lease_usd?: string | null | undefined
}

const FIRST_ID = 'ai_broker_mother'
/** Sparse integers leave gaps for providers that come between. */
const DEFAULT_PRIORITY = 10

/** The first id that is not taken. */
export function nextMotherId(taken: { has(id: string): boolean }): string {
  for (let number = 1; ; number++) {
    const id = number === 1 ? FIRST_ID : `${FIRST_ID}${number}`
    if (!taken.has(id)) return id
  }
}

/** A mother with changed fields. Throws `bad-request` for fields that do not say where she is, or that contradict each other. */
export function motherWith(
  id: string,
  fields: MotherFields,
  before: Partial<Omit<Mother, 'id'>> = {},
): Mother {
  const { tls = before.tls ?? false, priority = before.priority ?? DEFAULT_PRIORITY } = fields
  const token = fields.token === undefined ? before.token : secretOf(fields.token)
  const mother: Mother = {
    id,
    address: changed(fields.address, before.address)?.replace(/^\[(.*)\]$/, '$1'),
    port: changed(fields.port, before.port),
    url: changed(fields.url, before.url)?.replace(/\/+$/, ''),
    socket: changed(fields.socket, before.socket),
    label: changed(fields.label, before.label),
    priority,
    enabled: fields.enabled ?? before.enabled ?? true,
    token,
    tokenEnv: changed(fields.token_env, before.tokenEnv),
    tls,
    fingerprint: normalFingerprint(changed(fields.fingerprint, before.fingerprint)),
    leaseUsd: leaseAmount(changed(fields.lease_usd, before.leaseUsd)),
  }
  refuseUnclear(mother)
  return mother
}

function secretOf(token: string | null): Secret | undefined {
  return token === null ? undefined : new Secret(token)
}

function changed<T>(value: T | null | undefined, before: T | undefined): T | undefined {
  return value === undefined ? before : (value ?? undefined)
}

function leaseAmount(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  if (parseUsd(text) > ZERO) return text
  throw new BrokerError('bad-request', `lease_usd is “${truncate(text)}”, should be more than 0, such as 1`)
}

function normalFingerprint(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const hex = text.replaceAll(':', '').toLowerCase()
  if (/^[0-9a-f]{64}$/.test(hex)) return hex
  throw new BrokerError(
    'bad-request',
    `fingerprint is “${truncate(text)}”, should be the SHA-256 of a certificate: 64 hexadecimal digits, as “openssl x509 -noout -fingerprint -sha256” prints it`,
  )
}

function refuseUnclear(mother: Mother): void {
  const { address, port, url, socket, tls, fingerprint } = mother
  const places = [address ?? port, url, socket].filter((place) => place !== undefined)
  if (places.length !== 1)
    throw new BrokerError('bad-request', 'name the mother by address and port, by url, or by socket')
  if ((address === undefined) !== (port === undefined))
    throw new BrokerError('bad-request', 'address and port belong together, such as 127.0.0.1 and 33850')
  if (socket !== undefined && !socket.startsWith('/'))
    throw new BrokerError('bad-request', 'socket must be an absolute path, such as that of a rest.sock')
  const baseUrl = baseUrlOf(mother)
  const fault = validateBaseUrl(baseUrl)
  if (fault !== undefined)
    throw new BrokerError('bad-request', `a mother can’t be at “${truncate(baseUrl)}”: ${fault}`)
  const isTls = baseUrl.startsWith('https:')
  if (tls && !isTls) throw new BrokerError('bad-request', 'tls goes with address and port, or an https url')
  if (fingerprint !== undefined && !isTls)
    throw new BrokerError('bad-request', 'a fingerprint needs tls: true, or an https url')
}

/** Where her API is, up to and including `/v1`. */
export function baseUrlOf({ address = '', port = 0, url, socket, tls }: Mother): string {
  if (url !== undefined) return url
  if (socket !== undefined) return `http+unix://${encodeURIComponent(socket)}/v1`
  const host = address.includes(':') ? `[${address}]` : address
  return `${tls ? 'https' : 'http'}://${host}:${port}/v1`
}

/** The fields as they are stored, in the names of hero_db's schema. */
export function recordOf(mother: Mother): SettingsRecord {
  const { id: _id, token, tokenEnv, leaseUsd, ...fields } = mother
  const all = { ...fields, token: token?.reveal(), token_env: tokenEnv, lease_usd: leaseUsd }
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  )
}

/** Reads a stored record; also one that another program wrote. Throws `bad-request`. */
export function motherFrom(id: string, record: SettingsRecord): Mother {
  const text = (name: string): string | undefined => (record[name] === '' ? undefined : record[name])
  const number = (name: string): number | undefined => {
    const value = Number(text(name) ?? Number.NaN)
    return Number.isInteger(value) ? value : undefined
  }
  return motherWith(id, {
    address: text('address'),
    port: number('port'),
    url: text('url'),
    socket: text('socket'),
    label: text('label'),
    priority: number('priority'),
    enabled: text('enabled') !== 'false',
    token: text('token'),
    token_env: text('token_env'),
    tls: text('tls') === 'true',
    fingerprint: text('fingerprint'),
    lease_usd: text('lease_usd'),
  })
}
