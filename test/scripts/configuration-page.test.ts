import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { configurationPage } from '../../scripts/configuration-page.ts'
import { MCP_FILE, MODELS_FILE } from '../../scripts/file-keys.ts'
import { parseModelsFile } from '../../src/catalog/models-file/models-file.ts'
import { loadConfig } from '../../src/config/config.ts'
import { SETTINGS } from '../../src/config/setting-table.ts'
import { TIMEOUT_VARIABLES } from '../../src/config/timeouts.ts'
import { parseMcpConfig } from '../../src/mcp/config/config.ts'
import { DEFAULT_LIMITS } from '../../src/providers/transport/timeouts.ts'
import { tempFolder } from '../support/temp-folder.ts'

const root = join(import.meta.dirname, '..', '..')

/** Variables that are no settings: the home folder, the mark of processes that we start, and what a sandbox tells its program. */
const NO_SETTINGS = new Set(['HOME', 'HERO_AIBROKER_TREE', 'HERO_SOCKETS', 'HERO_CONNECTIONS'])
const FOLDER_VARIABLES = ['PATH_VAR', 'PATH_ROOT', 'PATH_SOCKETS', 'PATH_SOCKET', 'HERO_SOCKET_DIR']

test('the daemon reads exactly the variables of the page', () => {
  using folder = tempFolder()
  const read = new Set<string>()
  const env = new Proxy<Record<string, string>>(
    { HOME: folder.path },
    { get: (target, name) => (read.add(String(name)), Reflect.get(target, name) as unknown) },
  )
  loadConfig({ env, cwd: folder.path })
  const variables = SETTINGS.flatMap((row) => row.variables).filter((name) => !name.startsWith('--'))
  expect([...read].filter((name) => !NO_SETTINGS.has(name)).toSorted()).toEqual(
    [...new Set(variables)].toSorted(),
  )
})

test('every variable that the sources name is on a page', () => {
  const pages = configurationPage() + readFileSync(join(root, 'docs/mcp-servers.md'), 'utf8')
  const named = new Set(
    sources().flatMap((text) => [
      ...(text.match(/\b(?:AIBROKER|HERO|MCP_HERO|PATH)_[A-Z0-9_]+\b/g) ?? []),
      ...[...text.matchAll(/env(?:ironment)?\[['"]([A-Z][A-Z0-9_]+)['"]\]/g)].map(([, name]) => name ?? ''),
    ]),
  )
  const missing = [...named].filter(
    (name) => !NO_SETTINGS.has(name) && !pages.includes(name) && !isPattern(name),
  )
  expect(missing).toEqual([])
})

test('the flags of the page are those of the daemon', () => {
  const help = readFileSync(join(root, 'src/daemon/main.ts'), 'utf8')
  const flags = new Set(help.match(/(?<=')--[a-z-]+/g))
  // It starts another program, and sets nothing.
  flags.delete('--dashboard')
  expect(new Set(SETTINGS.flatMap((row) => row.variables).filter((name) => name.startsWith('--')))).toEqual(
    flags,
  )
})

test('the defaults of the page are those in effect', () => {
  using folder = tempFolder()
  const { effective } = loadConfig({ env: { HOME: folder.path }, cwd: folder.path })
  const perUnit = { seconds: 1000, hours: 3_600_000, megabytes: 1024 * 1024 } as Record<string, number>
  const shown = { true: 'on', false: 'off' } as Record<string, string>
  for (const { name, type, unit = '', default: fallback } of SETTINGS) {
    const value = effective.find((row) => row.name === name)?.value
    if (type === 'path' || name.startsWith('timeout_')) continue
    if (typeof value === 'number')
      expect([name, Number(fallback) * (perUnit[unit] ?? 1)]).toEqual([name, value])
    else if (type.includes('`on`')) expect([name, fallback]).toEqual([name, shown[String(value)]])
    else expect([name, fallback]).toEqual([name, value === undefined ? undefined : String(value)])
  }
  for (const [limit, variable] of Object.entries(TIMEOUT_VARIABLES))
    expect(SETTINGS.find(({ variables }) => variables[0] === variable)?.default).toBe(
      String(DEFAULT_LIMITS[limit as keyof typeof TIMEOUT_VARIABLES]),
    )
})

test('each variable and flag of the page changes its setting', () => {
  using folder = tempFolder()
  const load = (more: Record<string, string>, argv = {}) =>
    loadConfig({ env: { HOME: folder.path, ...more }, cwd: folder.path, argv }).effective
  const plain = load({})
  const examples: Readonly<Record<string, string>> = {
    ROUTING_STRATEGY: 'best',
    AIBROKER_KEYS_COMMAND: 'true',
    AIBROKER_ALARM_WEBHOOK: 'https://hooks.example.org/broker',
    AIBROKER_HTTP_CLIENT: 'undici',
    AIBROKER_HANGUP: 'cut',
    AIBROKER_LOG_LEVEL: 'debug',
    AIBROKER_ROLL_UP_64: 'on',
    AIBROKER_TRUSTED_PROXIES: '10.0.0.1',
    AIBROKER_CONTEXT_SOCKETS: 'lab',
    AIBROKER_DURABILITY: 'full',
    AIBROKER_HOSTS: 'ai.example.org',
    AIBROKER_CORS_ORIGINS: 'https://app.example.org',
    AIBROKER_SETTINGS: 'redis://localhost/3',
  }
  for (const { name, variables, type } of SETTINGS)
    for (const variable of variables) {
      const example =
        examples[variable] ??
        (type === 'path' || type === 'text' ? '/elsewhere' : type.includes('`on`') ? 'off' : '7')
      const flag = {
        '--address': 'address',
        '--port': 'port',
        '--mother': 'mother',
        '--open-tcp': 'openTcp',
        '--workers': 'workers',
      }[variable]
      const both =
        variable === '--address' || variable === '--port' ? { address: '127.0.0.1', port: '7' } : {}
      const changed =
        flag === undefined
          ? load({ [variable]: example })
          : load(
              {},
              { ...both, ...(type === 'flag' ? { [flag]: true } : flag === 'address' ? {} : { [flag]: 7 }) },
            )
      const of = (rows: typeof plain) => rows.find((row) => row.name === name)
      expect([variable, of(changed)?.value, of(changed)?.source]).not.toEqual([
        variable,
        of(plain)?.value,
        'default',
      ])
      expect([variable, of(changed)?.value]).not.toEqual([variable, of(plain)?.value])
    }
})

test('each variable of numbers, switches or addresses refuses what is none, by its name', () => {
  using folder = tempFolder()
  // `NO_PROXY` belongs to all programs of a host, and each takes of it what it understands.
  const checked = SETTINGS.filter(
    ({ name, type }) => name !== 'no_proxy' && /number|whole|addresses|`on`/.test(type),
  )
  expect(checked.length).toBeGreaterThan(20)
  const accepting = checked
    .flatMap(({ variables }) => variables.filter((name) => !name.startsWith('--')))
    .filter((variable) => {
      try {
        loadConfig({ env: { HOME: folder.path, [variable]: '@@odd@@' }, cwd: folder.path })
        return true
      } catch (error) {
        return !(error as Error).message.includes(variable)
      }
    })
  expect(accepting).toEqual([])
})

describe('the keys of the models file are those that are accepted', () => {
  const unknown = (yaml: string): string[] => {
    try {
      parseModelsFile(yaml)
    } catch (error) {
      return (/known are ([a-z0-9_, ]+)/.exec((error as Error).message)?.[1] ?? '').split(', ')
    }
    return []
  }
  test.each([
    ['model', 'models: {m: {zzzzzzzzzz: 1, backends: []}}'],
    ['backend', 'models: {m: {backends: [{zzzzzzzzzz: 1}]}}'],
    ['tier', 'models: {m: {backends: [{provider: p, model_id: m, tiers: [{zzzzzzzzzz: 1}]}]}}'],
    ['provider', 'providers: {p: {zzzzzzzzzz: 1}}'],
    ['key', 'providers: {p: {keys: [{zzzzzzzzzz: 1}]}}'],
    ['timeouts', 'providers: {p: {timeouts: {zzzzzzzzzz: 1}}}'],
  ] as const)('%s', (part, yaml) => {
    expect(unknown(yaml).toSorted()).toEqual(Object.keys(MODELS_FILE[part].keys).toSorted())
  })
})

describe('the keys of the MCP file are those that are accepted', () => {
  const shapes = readFileSync(join(root, 'src/mcp/config/config.ts'), 'utf8')
  test.each([
    ['server', 'serverShape', (key: string) => ({ mcpServers: [{ name: 'a', command: 'a', [key]: false }] })],
    ['policy', 'policyShape', (key: string) => ({ mcpServers: [], policies: [{ [key]: false }] })],
    ['chat', 'chatShape', (key: string) => ({ mcpServers: [], chat: { [key]: 'x' } })],
  ] as const)('%s', (part, shape, fileWith) => {
    const body = new RegExp(`const ${shape} = z.strictObject\\(\\{([^]*?)\\n\\}\\)`).exec(shapes)?.[1] ?? ''
    const declared = [...body.matchAll(/^ {2}(\w+):/gm)].map(([, key = '']) => key)
    expect(Object.keys(MCP_FILE[part].keys).toSorted()).toEqual(declared.toSorted())
    for (const key of declared) {
      const { problems } = parseMcpConfig(JSON.stringify(fileWith(key)), { file: 'f', environment: {} })
      expect(JSON.stringify(problems)).not.toContain('nrecognized')
    }
  })
})

function sources(): string[] {
  return readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readFileSync(join(root, 'src', path), 'utf8'))
}

/** `AIBROKER_GROQ_URL`, `GROQ_API_KEY`: the page has them as patterns. */
function isPattern(name: string): boolean {
  return /^AIBROKER_[A-Z]+_URL$/.test(name) || /_(API_)?KEYS?$/.test(name) || FOLDER_VARIABLES.includes(name)
}
