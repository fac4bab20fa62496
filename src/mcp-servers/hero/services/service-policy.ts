import type { KnownService } from './service-registry.ts'
import type { Method } from './openrpc.ts'
import { interfaceOf } from './python-client.ts'

/**
 * Whether generated code may call a method. The operator's patterns name `service/method` or a method alone, `*` stands
 * for anything; without patterns everything goes but what a service keeps for its administrators.
 */
export function isAllowed(patterns: readonly string[] | undefined, service: string, method: Method): boolean {
  if (patterns === undefined) return !method.isAdmins
  return patterns.some((pattern) => {
    const whole = pattern.includes('/') ? pattern : `*/${pattern}`
    const source = whole.replace(/[^\w*]/g, String.raw`\$&`).replaceAll('*', '.*')
    return new RegExp(`^${source}$`).test(`${service}/${method.name}`)
  })
}

/** The part of a service's interface that programs may use: what a model is shown. */
export function usableInterface({ service }: KnownService, patterns: readonly string[] | undefined): string {
  const methods = service.methods.filter((method) => isAllowed(patterns, service.name, method))
  return interfaceOf({ ...service, methods })
}
