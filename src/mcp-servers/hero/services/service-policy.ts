import type { KnownService } from './service-registry.ts'
import type { Method } from './openrpc.ts'
import { interfaceOf } from './python-client.ts'

/**
 * Whether generated code may call a method. The operator's patterns name `service/method` or a method alone, and `*`
 * matches any text; without patterns, all methods are allowed except those that a service reserves for administrators.
 */
export function isAllowed(patterns: readonly string[] | undefined, service: string, method: Method): boolean {
  if (patterns === undefined) return !method.isAdminOnly
  return patterns.some((pattern) => {
    const whole = pattern.includes('/') ? pattern : `*/${pattern}`
    const source = whole.replace(/[^\w*]/g, String.raw`\$&`).replaceAll('*', '.*')
    return new RegExp(`^${source}$`).test(`${service}/${method.name}`)
  })
}

/** The interface of the methods that programs may call, as a model sees it. */
export function usableInterface({ service }: KnownService, patterns: readonly string[] | undefined): string {
  const methods = service.methods.filter((method) => isAllowed(patterns, service.name, method))
  return interfaceOf({ ...service, methods })
}
