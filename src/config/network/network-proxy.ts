import { PROXY_URL_FORMS, validateProxyUrl } from '../../base/urls/proxy-url.ts'
import type { Config } from '../config-type.ts'
import type { Settings } from '../settings.ts'

/** The proxies that the variables of curl, Go and Python name. In lower case they win, as there. */
export function readNetworkProxy(settings: Settings): Config['networkProxy'] {
  return Object.freeze({
    http: proxyOf(settings, 'http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY'),
    https: proxyOf(settings, 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'),
    noProxy: settings.text('no_proxy') ?? settings.text('NO_PROXY'),
  })
}

function proxyOf(settings: Settings, ...names: readonly string[]): string | undefined {
  const name = names.find((each) => settings.text(each) !== undefined)
  const text = name === undefined ? undefined : settings.text(name)
  if (name === undefined || text === undefined) return undefined
  // Without a scheme it is http, as for curl.
  const url = text.includes('://') ? text : `http://${text}`
  const fault = validateProxyUrl(url)
  if (fault === undefined) return url
  settings.addError(name, `should be the address of an HTTP proxy (${fault}), such as ${PROXY_URL_FORMS}`)
  return undefined
}
