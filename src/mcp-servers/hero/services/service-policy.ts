import type { KnownService } from './service-registry.ts'
import type { Method } from './openrpc.ts'
import { interfaceOf } from './python-client.ts'

/**
 * Whether generated code may call a method. The operator's patterns name `service/method` or a method alone, and `*`
 * matches any text; without patterns, all methods are allowed except those that a service reserves for administrators.
 * `mcp.*` reaches every other MCP server, so it is allowed only by a pattern that names it.
 */
export function isAllowed(patterns: readonly string[] | undefined, service: string, method: Method): boolean {
  if (patterns === undefined) return !method.isAdminOnly && !isToolMethod(method.name)
  return patterns.some((pattern) => {
    const whole = pattern.includes('/') ? pattern : `*/${pattern}`
    if (isToolMethod(method.name) && !isToolMethod(whole.slice(whole.lastIndexOf('/') + 1))) return false
    const source = whole.replace(/[^\w*]/g, String.raw`\$&`).replaceAll('*', '.*')
    return new RegExp(`^${source}$`).test(`${service}/${method.name}`)
  })
}

/** Methods that call, list or approve the tools of MCP servers. */
function isToolMethod(name: string): boolean {
  return /^mcp[._:/-]/i.test(name)
}

/** The interface of the methods that programs may call, as a model sees it. */
export function usableInterface({ service }: KnownService, patterns: readonly string[] | undefined): string {
  const methods = service.methods.filter((method) => isAllowed(patterns, service.name, method))
  return interfaceOf({ ...service, methods })
}
