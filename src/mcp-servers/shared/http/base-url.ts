import { BrokerError } from '../../../base/errors.ts'

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Returns a builder of URLs below the vendor's address, or below the one in the environment. Throws `bad-request` for an address that is neither https nor loopback. */
export function baseUrl(
  env: Readonly<Record<string, string | undefined>>,
  variable: string,
  defaultUrl: string,
): (path: string, query?: Readonly<Record<string, string | number | boolean | undefined>>) => URL {
  const text = env[variable] ?? ''
  const base = URL.parse(text === '' ? defaultUrl : text)
  const isAllowed = base !== null && (base.protocol === 'https:' || LOOPBACK.has(base.hostname))
  if (!isAllowed)
    throw new BrokerError('bad-request', `${variable} must be an https address, or http on loopback`)
  return (path, query = {}) => {
    const url = new URL(`${base.pathname.replace(/\/$/, '')}${path}`, base)
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value))
    }
    return url
  }
}
