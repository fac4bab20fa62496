import type { Method, Param, Schema, Service } from './openrpc.ts'

/** Generates a Python client for a service, which uses only the standard library, and a short interface for the model. */

/** Python's own words, and the names that the generated client uses itself. */
const KEYWORDS = new Set(
  'False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield match case type call print self RpcError contextlib http json os socket threading given SERVICE SOCKET CONNECTION TURN UNSET'.split(
    ' ',
  ),
)

/** A Python identifier for any name, never a keyword: `usage.summary` → `usage_summary`. */
export function identifier(name: string): string {
  const words = name.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_+|_+$/g, '')
  const safe = /^[A-Za-z]/.test(words) ? words : `m_${words}`
  return KEYWORDS.has(safe) ? `${safe}_` : safe
}

/** Adds Python names to things; equal names are numbered. */
function named<Thing extends { readonly name: string }>(
  things: readonly Thing[],
): { thing: Thing; name: string }[] {
  const seen = new Map<string, number>()
  return things.map((thing) => {
    const name = identifier(thing.name)
    const count = (seen.get(name) ?? 0) + 1
    seen.set(name, count)
    return { thing, name: count === 1 ? name : `${name}_${count}` }
  })
}

/** The interface for the model: how to call each method and what it returns, a line or two each. */
export function interfaceOf(service: Service): string {
  const head = [`# SERVICE ${service.name} ${service.version}`.trim(), `# SUMMARY ${service.summary}`]
  const module = `import ${identifier(service.name)}`
  const calls = named(service.methods).map(({ thing: method, name }) => {
    const comment = method.summary === '' ? '' : `  # ${method.summary}`
    const notes = named(method.params)
      .filter(({ thing }) => thing.summary !== '')
      .map((param) => `#   ${param.name}: ${param.thing.summary}`)
    const call = `${identifier(service.name)}.${name}(${signature(method)}) -> ${typeOf(method.result)}${comment}`
    return [call, ...notes].join('\n')
  })
  return [...head, module, ...calls].join('\n')
}

function signature(method: Method): string {
  if (method.params.length === 0) return ''
  const params = requiredFirst(method).map(
    ({ thing, name }) => `${name}: ${typeOf(thing.schema)}${thing.isRequired ? '' : ' = UNSET'}`,
  )
  return ['*', ...params].join(', ')
}

function requiredFirst(method: Method): { thing: Param; name: string }[] {
  return named(method.params).toSorted((a, b) => Number(b.thing.isRequired) - Number(a.thing.isRequired))
}

const MAX_TYPE_DEPTH = 4

/** A schema as a short type: `{"rows": [{"model": str, "cost": str}]}`. */
export function typeOf(schema: Schema, depth = 0): string {
  if (depth > MAX_TYPE_DEPTH) return '...'
  const parts = schema['allOf']
  if (Array.isArray(parts)) return typeOf(Object.assign({}, ...parts), depth)
  const options = [schema['anyOf'], schema['oneOf']].find(Array.isArray)
  if (options !== undefined)
    return [...new Set(options.map((option) => typeOf(asSchema(option), depth)))].join(' | ')
  const values = schema['enum']
  if (Array.isArray(values)) return values.slice(0, 12).map(literal).join(' | ')
  if ('const' in schema) return literal(schema['const'])
  const { type } = schema
  if (Array.isArray(type)) return type.map((one) => typeOf({ ...schema, type: one }, depth)).join(' | ')
  if (type === 'array') return `[${typeOf(asSchema(schema['items']), depth + 1)}]`
  if (type === 'object' || 'properties' in schema) return recordType(schema, depth)
  return SCALARS[String(type)] ?? 'any'
}

const SCALARS: Readonly<Record<string, string>> = {
  string: 'str',
  integer: 'int',
  number: 'float',
  boolean: 'bool',
  null: 'None',
}

function recordType(schema: Schema, depth: number): string {
  const fields = Object.entries(asSchema(schema['properties'])).slice(0, 40)
  if (fields.length === 0) return 'dict'
  const required = Array.isArray(schema['required']) ? schema['required'] : undefined
  const shown = fields.map(([name, field]) => {
    const mayBeAbsent = required !== undefined && !required.includes(name)
    return `${literal(name)}${mayBeAbsent ? '?' : ''}: ${typeOf(asSchema(field), depth + 1)}`
  })
  return `{${shown.join(', ')}}`
}

const asSchema = (value: unknown): Schema => (typeof value === 'object' && value !== null ? { ...value } : {})

/** A JSON value as a Python literal. */
function literal(value: unknown): string {
  if (typeof value === 'string') return pythonString(value)
  if (value === true) return 'True'
  if (value === false) return 'False'
  if (typeof value === 'number') return String(value)
  return 'None'
}

/** A Python string in ASCII, all other characters escaped, so that no name or description can end its quotes. */
function pythonString(text: string): string {
  const escaped = text.replace(/[^ !#-[\]-~]/gu, (letter) => {
    if (letter === '"' || letter === '\\') return `\\${letter}`
    return `\\U${(letter.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`
  })
  return `"${escaped}"`
}

/** The source of the client: one function per method, over the service's Unix socket. */
export function clientOf(service: Service, socket: string): string {
  return [
    pythonString(
      `${service.title} ${service.version}: generated from its OpenRPC document ${service.hash.slice(0, 12)}.`,
    ),
    'import contextlib, http.client, json, os, socket, threading',
    '',
    `SERVICE = ${pythonString(service.name)}`,
    `SOCKET = ${pythonString(socket)}`,
    'if "HERO_SOCKETS" in os.environ:',
    '    SOCKET = os.path.join(os.environ["HERO_SOCKETS"], SERVICE + ".sock")',
    TRANSPORT,
    ...named(service.methods).map(({ thing: method, name }) => functionOf(method, name)),
  ].join('\n')
}

const TRANSPORT = `# Where a program may open no sockets, the one connection that was opened for it.
CONNECTION = json.loads(os.environ.get("HERO_CONNECTIONS", "{}")).get(SERVICE)
TURN = contextlib.nullcontext() if CONNECTION is None else threading.Lock()
UNSET = object()


class RpcError(Exception):
    """The service refused: code, message, data."""

    def __init__(self, code, message, data=None):
        super().__init__("%s: %s" % (code, message))
        self.code, self.message, self.data = code, message, data


class _Connection(http.client.HTTPConnection):
    def connect(self):
        if CONNECTION is not None:
            self.sock = socket.socket(fileno=os.dup(CONNECTION))
            self.sock.settimeout(self.timeout)
            return
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)


def _send(body, timeout):
    connection = _Connection("localhost", timeout=timeout)
    try:
        connection.request("POST", "/rpc", body, {"Content-Type": "application/json"})
        return connection.getresponse().read()
    except BaseException:
        # The late response must not be taken for that of the next call.
        if CONNECTION is not None and connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)
        raise
    finally:
        connection.close()


def call(method, params, timeout=30):
    """One JSON-RPC call; returns the result or raises RpcError."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    with TURN:
        answer = json.loads(_send(body, timeout))
    if answer.get("error") is not None:
        error = answer["error"]
        raise RpcError(error.get("code"), error.get("message"), error.get("data"))
    return answer.get("result")
`

function functionOf(method: Method, name: string): string {
  const params = requiredFirst(method).map(({ thing, name }) => `${name}${thing.isRequired ? '' : '=UNSET'}`)
  const head = `def ${name}(${params.length === 0 ? '' : `*, ${params.join(', ')}`}):`
  const given = method.isPositional
    ? `[${named(method.params)
        .map(({ name }) => name)
        .join(', ')}]`
    : `{${named(method.params)
        .map(({ thing, name }) => `${pythonString(thing.name)}: ${name}`)
        .join(', ')}}`
  const kept = method.isPositional
    ? '[value for value in given if value is not UNSET]'
    : '{name: value for name, value in given.items() if value is not UNSET}'
  return [
    '',
    head,
    `    ${pythonString(`${method.summary} Returns ${typeOf(method.result)}`.trim())}`,
    `    given = ${given}`,
    `    return call(${pythonString(method.name)}, ${kept})`,
    '',
  ].join('\n')
}
