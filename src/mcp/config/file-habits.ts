/**
 * Parses JSON as other hosts of MCP servers accept it: with comments and with commas before a closing bracket. Throws the error of
 * the plain JSON when it is neither.
 */
export function parseJsonWithComments(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    try {
      return JSON.parse(withoutTrailingCommas(withoutComments(text)))
    } catch {
      throw error
    }
  }
}

/** Strings are matched first, so that what looks like a comment inside one stays. */
function withoutComments(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|\/\/[^\r\n]*|\/\*[^]*?\*\//g, (part) =>
    part.startsWith('"') ? part : ' ',
  )
}

function withoutTrailingCommas(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])/g, (part) => (part === ',' ? '' : part))
}

type Fields = Readonly<Record<string, unknown>>

/**
 * The file with its servers under `mcpServers`, where another host keeps them elsewhere: VS Code under `servers` (in its settings
 * `mcp.servers`), Zed under `context_servers`. A file with two of them is left as it is, and so refused by name.
 */
export function withServersInPlace(file: unknown): unknown {
  if (!isObject(file)) return file
  const places: [string, unknown][] = [
    ['mcpServers', file['mcpServers']],
    ['servers', file['servers']],
    ['mcp.servers', isObject(file['mcp']) ? file['mcp']['servers'] : undefined],
    ['context_servers', file['context_servers']],
  ]
  const found = places.filter(([, servers]) => servers !== undefined)
  if (found.length !== 1)
    return found.length < 2 ? file : { ...file, mcpServers: twice(found.map(([name]) => name)) }
  return { ...file, mcpServers: found[0]?.[1] }
}

/** A value that no file has, so that the schema refuses it with these words. */
export class ServersTwice {
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

function twice(names: readonly string[]): ServersTwice {
  return new ServersTwice(`the servers are given twice, under ${names.join(' and ')}; keep one of them`)
}

/** The names of an entry's fields in other hosts, and ours. */
const ALIASES: Readonly<Record<string, string>> = { serverUrl: 'url', httpUrl: 'url' }

/** Fields of other hosts that change what a server is given; ignored, they would leave it without its settings. */
const REFUSED: Readonly<Record<string, string>> = {
  envFile: 'is not read here; write its variables under env, as "NAME": "${NAME}"',
}

/** An entry with our names of fields. Throws the path and what to write instead for a field that can't be ignored. */
export function withOurFields(entry: unknown, fail: (problem: string) => Error): unknown {
  if (!isObject(entry)) return entry
  for (const [name, advice] of Object.entries(REFUSED))
    if (entry[name] !== undefined) throw fail(`${name}: ${advice}`)
  const fields: Record<string, unknown> = { ...entry }
  for (const [name, ours] of Object.entries(ALIASES)) {
    if (fields[name] === undefined || fields[ours] !== undefined) continue
    fields[ours] = fields[name]
    delete fields[name]
  }
  return fields
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
