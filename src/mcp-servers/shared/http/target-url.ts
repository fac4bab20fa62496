import { isIP } from 'node:net'
import { z } from 'zod'

const MAX_LENGTH = 8192
/** Names that resolve to something else at the vendor than at the caller. */
const PRIVATE_NAME = /(^|\.)(localhost|local|internal|intranet|lan|home\.arpa|test|invalid|onion)\.?$/i

/** A public web address; others would make the vendor read its own network, or leak a password to it. */
export const targetUrl = z
  .string()
  .max(MAX_LENGTH)
  .superRefine((text, context) => {
    const problem = problemWith(text)
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
  })
  .describe('Public http or https address, without user name or password.')

function problemWith(text: string): string | undefined {
  const url = URL.parse(text)
  if (url === null) return 'not a URL; give one with https://'
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return 'only http and https addresses can be read'
  if (url.username !== '' || url.password !== '') return 'leave user name and password out of the address'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0 ? isPrivateAddress(host) : !host.includes('.') || PRIVATE_NAME.test(host)) {
    return 'this address is private: only public sites can be read'
  }
  return undefined
}

/** Addresses that IANA reserves for non-public use; `URL` has already normalised unusual spellings of IPv4. */
function isPrivateAddress(address: string): boolean {
  if (isIP(address) === 6)
    return !/^[23]/.test(address) || /^(2001:db8:|2002:|2001::|2001:0?:)/i.test(address)
  const [a = 0, b = 0] = address.split('.').map(Number)
  if (a === 0 || a === 10 || a === 127 || a >= 224) return true
  if (a === 100) return b >= 64 && b <= 127
  if (a === 169) return b === 254
  if (a === 172) return b >= 16 && b <= 31
  if (a === 192) return b === 168 || b === 0
  return a === 198 && (b === 18 || b === 19 || b === 51)
}
