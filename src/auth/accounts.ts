import type { Caller } from './caller.ts'

/** What money and requests are counted under. One request counts under several: see `accountsOf`. */
export type Account = string

/** All requests of this broker. */
export const EVERYBODY: Account = '*'

/** An address with all its contexts. */
export function addressAccount(ip: string): Account {
  return ip
}

/** Of whom it was asked last. A name that is put together anew must be hashed anew wherever it is looked up: 0.4 µs per request. */
let last: { readonly ip: string; readonly context: string | undefined; readonly payer: Account } | undefined

/** One context (or none) of one address: who pays. Addresses have no spaces, so no two accounts share a name. */
export function payerAccount({ ip, context }: Pick<Caller, 'ip' | 'context'>): Account {
  if (last === undefined || last.ip !== ip || last.context !== context)
    last = { ip, context, payer: `${ip} ${context ?? ''}` }
  return last.payer
}

export function tokenAccount(id: string): Account {
  return `#${id}`
}

/** The accounts that a request of this caller counts under. */
export function accountsOf(caller: Caller): readonly Account[] {
  const own = [EVERYBODY, addressAccount(caller.ip), payerAccount(caller)]
  return caller.token === undefined ? own : [...own, tokenAccount(caller.token)]
}
