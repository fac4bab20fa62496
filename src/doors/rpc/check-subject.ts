import { BrokerError } from '../../base/errors.ts'
import { shortName } from '../../base/short-name.ts'
import { payerAddress } from '../../contexts/address.ts'
import type { Tokens } from '../../contexts/tokens.ts'
import type { LimitSubject } from '../../wire/limits.ts'

/** Throws `bad-request`, `not-found` for whom no request ever comes from: a limit that was misspelt would bind nobody. */
export function checkSubject(subject: LimitSubject, tokens: Pick<Tokens, 'list'>): void {
  if (subject.scope === 'token') return checkToken(subject.token, tokens)
  if ('address' in subject && subject.address !== undefined) checkAddress(subject.address)
}

function checkToken(wanted: string, tokens: Pick<Tokens, 'list'>): void {
  if (tokens.list().some(({ id }) => id === wanted)) return
  throw new BrokerError(
    'not-found',
    `there is no token “${shortName(wanted)}”; tokens.list says which there are`,
  )
}

function checkAddress(address: string): void {
  if (payerAddress(address) !== undefined) return
  throw new BrokerError(
    'bad-request',
    `“${shortName(address)}” is no address of a caller; say an IP address, an IPv6 /64, or “local” for the Unix sockets`,
  )
}
