import { isAvailable } from '../catalog/find-model.ts'
import type { Config } from '../config/config.ts'
import type { Provider } from '../providers/provider.ts'
import type { Daemon } from './start.ts'
import { VERSION } from '../runtime/version.ts'

/** The text that is printed when the broker is ready: its sockets, providers and models, and a command to try. */
export function banner(daemon: Daemon, config: Config): string {
  const { services, sockets, tcp } = daemon
  const providers = [...services.providers().values()]
  const rows: [string, string][] = [
    ['sockets', `${sockets.folder}/{rest,rpc,web_v1}.sock`],
    ...(tcp === undefined
      ? []
      : [
          [
            'tcp',
            `${config.tls === undefined ? 'http' : 'https'}://${tcp.address.includes(':') ? `[${tcp.address}]` : tcp.address}:${tcp.port}`,
          ] as [string, string],
        ]),
    ['providers', providers.map(providerText).join(', ')],
    ['models', `${modelsText(daemon)}, from ${daemon.modelsPath}`],
    ['data', config.dataDir],
  ]
  const lines = rows.map(([name, text]) => `  ${name.padEnd(10)} ${text}`)
  return [
    `hero_aibroker ${VERSION}${config.isMother ? ', mother of a cascade' : ''}`,
    ...lines,
    '',
    ...(providers.every(({ isMock }) => isMock) ? [NO_PROVIDER, ''] : []),
    'Try it:',
    `  ${curlLine(sockets.rest)}`,
    '',
  ].join('\n')
}

const NO_PROVIDER =
  '  Only the built-in echo answers as yet. For real models set OPENROUTER_API_KEY (or that of another provider, see docs/providers.md) and start again.'

function providerText({ id, keyCount, isMock }: Provider): string {
  if (isMock) return `${id} (built-in echo)`
  if (keyCount === 0) return id
  return `${id} (${keyCount === 1 ? '1 key' : `${keyCount} keys`})`
}

/** Without the models of the built-in echo. */
function modelsText({ services }: Daemon): string {
  const providers = services.providers()
  const real = new Map([...providers].filter(([, { isMock }]) => !isMock))
  const models = [...services.catalog().models.values()].filter((model) =>
    model.endpoints.some(({ provider }) => providers.get(provider)?.isMock !== true),
  )
  const offered = models.filter((model) => isAvailable(model, real)).length
  const missing = models.length - offered
  const others = missing === 0 ? '' : `, ${missing} more with a key of their providers`
  return `${offered === 0 ? 'only the echo’s' : offered} on offer${others}`
}

function curlLine(socket: string): string {
  const body = JSON.stringify({ model: 'auto', messages: [{ role: 'user', content: 'Hello!' }] })
  return `curl --unix-socket '${socket}' http://localhost/v1/chat/completions -H 'Content-Type: application/json' -d '${body}'`
}
