import { BrokerError } from '../../../base/errors.ts'
import { truncate } from '../../../base/text.ts'
import { networkOf, payerAddress } from '../../../auth/address.ts'
import { isJwtBearer } from '../../../auth/jwt.ts'
import type { Tokens } from '../../../auth/tokens.ts'
import type { LimitSubject } from '../../../wire/rpc/limit-rule.ts'

/** What is needed to know which subjects exist. */
export interface KnownSubjects {
  readonly tokens: Pick<Tokens, 'list'>
  /** Whether all addresses of an IPv6 /64 are one caller. */
  readonly rollsUp: boolean
}

/** Throws `bad-request` or `not-found` for a subject that no request can come from: a misspelt limit would have no effect. */
export function checkSubject(subject: LimitSubject, { tokens, rollsUp }: KnownSubjects): void {
  if (subject.scope === 'token') return checkToken(subject.token, tokens)
  if ('address' in subject && subject.address !== undefined) checkAddress(subject.address, rollsUp)
}

function checkToken(wanted: string, tokens: Pick<Tokens, 'list'>): void {
  if (isJwtBearer(wanted) || tokens.list().some(({ id }) => id === wanted)) return
  throw new BrokerError(
    'not-found',
    `there is no token “${truncate(wanted)}”; tokens.list lists those that exist`,
  )
}

function checkAddress(address: string, rollsUp: boolean): void {
  const payer = payerAddress(address)
  const fault = payer === undefined ? noAddress(rollsUp) : rollUpFault(payer, rollsUp)
  if (fault !== undefined) throw new BrokerError('bad-request', `“${truncate(address)}” ${fault}`)
}

function noAddress(rollsUp: boolean): string {
  const sixth = rollsUp ? 'an IPv6 /64' : 'an IPv6 address'
  return `is no address of a caller; say an IPv4 address, ${sixth}, or “local” for the Unix sockets`
}

function rollUpFault(payer: string, rollsUp: boolean): string | undefined {
  const isNode = payer.endsWith('/64')
  if (!rollsUp && isNode)
    return 'is no address of a caller here: each IPv6 address is a caller of its own; say one of them, or start with AIBROKER_ROLL_UP_64=on'
  if (!rollsUp || isNode || networkOf(payer) === payer) return undefined
  return `is no address of a caller here: all of an IPv6 /64 are one caller (AIBROKER_ROLL_UP_64); say ${networkOf(payer)}`
}
