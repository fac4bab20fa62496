import type { Caller } from './caller.ts'

/** The name under which money and requests are counted. One request counts under several accounts: see `accountsOf`. */
export type Account = string

/** The account of all requests of this broker. */
export const ALL_REQUESTS: Account = '*'

/** The account of an address with all its contexts. */
export function addressAccount(ip: string): Account {
  return ip
}

/** The payer of the last call. A newly concatenated name must be hashed again at each look-up, which costs 0.4 µs per request. */
let lastPayer:
  | { readonly ip: string; readonly context: string | undefined; readonly payer: Account }
  | undefined

/** The account that pays: one context (or none) of one address. Addresses have no spaces, so no two accounts share a name. */
export function payerAccount({ ip, context }: Pick<Caller, 'ip' | 'context'>): Account {
  if (lastPayer === undefined || lastPayer.ip !== ip || lastPayer.context !== context)
    lastPayer = { ip, context, payer: `${ip} ${context ?? ''}` }
  return lastPayer.payer
}

/** The account of a token, by its id. */
export function tokenAccount(id: string): Account {
  return `#${id}`
}

/** All accounts under which a request of this caller counts. */
export function accountsOf(caller: Caller): readonly Account[] {
  const own = [ALL_REQUESTS, addressAccount(caller.ip), payerAccount(caller)]
  return caller.token === undefined ? own : [...own, tokenAccount(caller.token)]
}
