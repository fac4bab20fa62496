import { type Resource, type ResourceTemplateType, UriTemplate } from '@modelcontextprotocol/client'

const WRAPPED_PREFIX = 'hero-mcp://'
const MAX_URI_LENGTH = 4096

/** A resource or template as callers see it, and the server that owns it. */
interface Owned<T> {
  readonly server: string
  readonly exposed: T
  readonly original: string
}

interface ServerResources {
  readonly server: string
  readonly resources: readonly Resource[]
  readonly templates: readonly ResourceTemplateType[]
}

/** All resources of all servers; finds the owner of a URI. */
export interface ResourceTable {
  readonly resources: readonly Owned<Resource>[]
  readonly templates: readonly Owned<ResourceTemplateType>[]
  /** The servers that may own a URI, most likely first, with their own URI for it. */
  ownersOf(uri: string): readonly { readonly server: string; readonly uri: string }[]
}

/** Keeps URIs that only one server has; a URI of several servers is listed as `hero-mcp://server/…`. */
export function resourceTable(servers: readonly ServerResources[]): ResourceTable {
  const uses = new Map<string, number>()
  const all = servers.flatMap(({ server, resources }) => resources.map((resource) => ({ server, resource })))
  for (const { resource } of all) uses.set(resource.uri, (uses.get(resource.uri) ?? 0) + 1)
  const resources = all.map(({ server, resource }) => {
    const uri =
      uses.get(resource.uri) === 1
        ? resource.uri
        : `${WRAPPED_PREFIX}${server}/${encodeURIComponent(resource.uri)}`
    return { server, original: resource.uri, exposed: { ...resource, uri } }
  })
  const templates = servers.flatMap(({ server, templates }) =>
    templates.map((template) => ({ server, original: template.uriTemplate, exposed: template })),
  )
  const byUri = new Map(resources.map((owned) => [owned.exposed.uri, owned]))
  return {
    resources: resources.sort((a, b) => (a.exposed.uri < b.exposed.uri ? -1 : 1)),
    templates: templates.sort((a, b) => (a.original < b.original ? -1 : 1)),
    ownersOf(uri) {
      const owned = byUri.get(uri)
      if (owned !== undefined) return [{ server: owned.server, uri: owned.original }]
      return templates
        .filter(({ original }) => matchesTemplate(original, uri))
        .map(({ server }) => ({ server, uri }))
    },
  }
}

function matchesTemplate(template: string, uri: string): boolean {
  if (uri.length > MAX_URI_LENGTH) return false
  try {
    return new UriTemplate(template).match(uri) !== null
  } catch {
    return false
  }
}
