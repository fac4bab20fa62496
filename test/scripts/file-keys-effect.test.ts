import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { MCP_FILE, MODELS_FILE } from '../../scripts/file-keys.ts'
import type { Catalog } from '../../src/catalog/catalog.ts'
import { parseModelsFile } from '../../src/catalog/models-file/models-file.ts'
import type { ProviderSetting } from '../../src/catalog/provider-setting.ts'
import { costOf } from '../../src/ledger/cost.ts'
import { readRule } from '../../src/limits/limit-rule.ts'
import { parseMcpConfig } from '../../src/mcp/config/config.ts'
import { definitionsOf } from '../../src/providers/definitions/configured.ts'
import type { AdminServices } from '../../src/inference/services/services.ts'
import { modelsHandlers } from '../../src/server/rpc/handlers/models.ts'
import { limitRule } from '../../src/wire/rpc/limit-rule.ts'

/** For each key of a form: two values that have to make a difference. */
type Rows = Readonly<Record<string, readonly [unknown, unknown]>>

const RATES: Rows = {
  input_cost: [1, 2],
  output_cost: [1, 2],
  cached_input_cost: [1, 2],
  cache_write_cost: [1, 2],
  cache_write_1h_cost: [1, 2],
  reasoning_cost: [1, 2],
  audio_input_cost: [1, 2],
  audio_output_cost: [1, 2],
  image_cost: [1, 2],
}

const BASE_RATES = { input_cost: 0.1, output_cost: 0.2 }

/** A response that uses something of all that tokens are charged for. */
const USAGE = {
  prompt: 9000,
  completion: 900,
  cachedPrompt: 100,
  cacheWrite: 200,
  cacheWrite1h: 50,
  reasoning: 100,
  audioPrompt: 100,
  audioCompletion: 100,
  imagePrompt: 100,
  images: 2,
}
/** Other things that are charged, each by itself. */
const NOTHING = {
  prompt: 0,
  completion: 0,
  cachedPrompt: 0,
  cacheWrite: 0,
  reasoning: 0,
  audioPrompt: 0,
  audioCompletion: 0,
}
const OTHER_USAGES = [
  { ...NOTHING, characters: 1000 },
  { ...NOTHING, soundMs: 1400 },
  { ...NOTHING, searchUnits: 3 },
  { ...NOTHING, madeImages: 1, imageClass: '512x512/high' },
]

function modelsFile(given: { model?: object; backend?: object; provider?: object }): {
  catalog: Catalog
  setting: ProviderSetting
} {
  const backend = { provider: 'acme', model_id: 'x', ...BASE_RATES, ...given.backend }
  const text = JSON.stringify({
    models: { m: { backends: [backend, { provider: 'other', model_id: 'y' }], ...given.model } },
    providers: {
      acme: { base_url: 'https://a.example.org/v1', key_env: 'A_KEY', ...given.provider },
      next: { base_url: 'https://n.example.org/v1' },
      other: { base_url: 'https://o.example.org/v1' },
    },
  })
  const { catalog, providers } = parseModelsFile(text)
  const setting = providers.get('acme')
  if (setting === undefined) throw new Error('the provider is not there')
  return { catalog, setting }
}

/** What responses of the first endpoint cost. */
function costs(catalog: Catalog): unknown {
  const price = catalog.models.get('m')?.endpoints.find(({ id }) => id.endsWith('/x'))?.price
  if (price === undefined) return 'unpriced'
  return [USAGE, ...OTHER_USAGES].map((usage) => String(costOf(usage, price)))
}

function listed(catalog: Catalog): unknown {
  const model = catalog.models.get('m')
  const { endpoints = [], ...own } = model ?? {}
  return {
    own,
    endpoints: endpoints.map(({ price, ...rest }) => ({ ...rest, hasPrice: price !== undefined })),
  }
}

/** What `models.get` responds of the model's endpoints. */
async function endpointsOfRpc(catalog: Catalog): Promise<unknown> {
  const services = { catalog: () => catalog, providers: () => new Map() } as unknown as AdminServices
  const get = modelsHandlers(services)['models.get']
  const { endpoints } = await get(
    { model: 'm' },
    { role: 'admin' } as Parameters<typeof get>[1],
    new AbortController().signal,
  )
  return endpoints
}

/** Compares what `see` sees with each value of each row, and the rows with the keys of the form. */
function everyKeyHasAnEffect(
  keys: readonly string[],
  rows: Rows,
  see: (key: string, value: unknown) => unknown,
) {
  test('each key has a row here', () => {
    expect(Object.keys(rows).toSorted()).toEqual([...keys].toSorted())
  })
  test.each(Object.entries(rows))('%s', async (key, [first, second]) => {
    const [one, other] = [await see(key, first), await see(key, second)]
    expect(other).not.toEqual(one)
  })
}

describe('each key of a model changes what the catalogue has of it', () => {
  const rows: Rows = {
    display_name: ['One', 'Two'],
    kind: ['chat', 'embedding'],
    tier: ['standard', 'premium'],
    capabilities: [[], ['vision']],
    context_window: [1000, 2000],
    max_output_tokens: [100, 200],
    hedge: [false, true],
    backends: [[{ provider: 'acme', model_id: 'x' }], [{ provider: 'next', model_id: 'x' }]],
  }
  everyKeyHasAnEffect(Object.keys(MODELS_FILE.model.keys), rows, (key, value) =>
    listed(modelsFile({ model: { [key]: value } }).catalog),
  )
})

describe('each key of an endpoint changes its place, its limits, what a response costs, or what is listed', () => {
  const rows: Rows = {
    ...RATES,
    provider: ['acme', 'next'],
    model_id: ['a/x', 'b/x'],
    priority: [1, 9],
    request_cost: [0.1, 0.2],
    each_image_cost: [0.1, 0.2],
    character_cost: [1, 2],
    search_unit_cost: [1, 2],
    made_image_costs: [[{ each_cost: 1 }], [{ each_cost: 2 }]],
    minute_cost: [1, 2],
    hour_cost: [1, 2],
    minimum_seconds: [10, 20],
    second_rounding: ['up', 'nearest'],
    tiers: [[], [{ above_input_tokens: 10, input_cost: 5 }]],
    price_source: ['https://a.example.org', 'https://b.example.org'],
    price_date: ['2026-01-01', '2026-01-02'],
    price_note: ['one', 'two'],
    context_window: [1000, 2000],
    max_output_tokens: [100, 200],
  }
  /** Keys that mean something only beside another. */
  const beside: Readonly<Record<string, object>> = {
    minimum_seconds: { hour_cost: 1 },
    second_rounding: { hour_cost: 1 },
  }
  everyKeyHasAnEffect(Object.keys(MODELS_FILE.backend.keys), rows, async (key, value) => {
    const { catalog } = modelsFile({ backend: { ...beside[key], [key]: value } })
    const shown = key.startsWith('price_') ? await endpointsOfRpc(catalog) : undefined
    return { listed: listed(catalog), costs: costs(catalog), shown }
  })
})

describe('each key of a tier changes what a long request costs', () => {
  everyKeyHasAnEffect(
    Object.keys(MODELS_FILE.tier.keys),
    { ...RATES, above_input_tokens: [8000, 10_000] },
    (key, value) =>
      costs(
        modelsFile({
          backend: { tiers: [{ above_input_tokens: 10, input_cost: 5, [key]: value }] },
        }).catalog,
      ),
  )
})

describe('each key of a provider changes its definition, or what its parts are made from', () => {
  const rows: Rows = {
    display_name: ['One', 'Two'],
    base_url: ['https://a.example.org/v1', 'https://b.example.org/v1'],
    key_env: ['A_KEY', 'B_KEY'],
    protocol: ['openai-chat', 'anthropic'],
    proxy: ['direct', 'http://proxy.example.org:3128'],
    keys: [[{ env: 'A_KEY' }], [{ env: 'B_KEY' }]],
    timeouts: [{ gap_ms: 1 }, { gap_ms: 2 }],
    headers: [{ 'x-team': 'one' }, { 'x-team': 'two' }],
    quirks: [{ most_inputs: 1 }, { most_inputs: 2 }],
    abort_stops_billing: [false, true],
    abort_stops_plain_billing: [false, true],
    models: ['listed', 'any'],
    command: [
      ['serve', '{socket}'],
      ['serve', '-v', '{socket}'],
    ],
    ready_path: ['/health', '/ready'],
    idle_timeout_s: [10, 20],
    port: [8001, 8002],
  }
  const OF_A_SERVER = new Set(['ready_path', 'idle_timeout_s', 'port'])
  everyKeyHasAnEffect(Object.keys(MODELS_FILE.provider.keys), rows, (key, value) => {
    const server = OF_A_SERVER.has(key) ? { command: ['serve', '{socket}'] } : {}
    const { setting } = modelsFile({ provider: { ...server, [key]: value } })
    const definition = definitionsOf(new Map([['acme', setting]])).find(({ id }) => id === 'acme')
    const { keyEnv, keys, timeouts, proxy, models, server: started } = setting
    return { definition, keyEnv, keys, timeouts, proxy, models, started }
  })
})

describe('each key of a provider’s key, and each timeout, is kept', () => {
  const keyRows: Rows = {
    env: ['A_KEY', 'B_KEY'],
    weight: [1, 2],
    priority: [0, 1],
    requests_per_minute: [1, 2],
  }
  everyKeyHasAnEffect(
    Object.keys(MODELS_FILE.key.keys),
    keyRows,
    (key, value) => modelsFile({ provider: { keys: [{ env: 'A_KEY', [key]: value }] } }).setting.keys,
  )
  const names = Object.keys(MODELS_FILE.timeouts.keys)
  everyKeyHasAnEffect(
    names,
    {
      connect_ms: [1, 2],
      headers_ms: [1, 2],
      first_token_ms: [1, 2],
      gap_ms: [1, 2],
      answer_ms: [1, 2],
    },
    (key, value) => modelsFile({ provider: { timeouts: { [key]: value } } }).setting.timeouts,
  )
})

/** The file as it is applied; a value that is left out would be no difference. */
function mcpFile(content: object): unknown {
  const applied = parseMcpConfig(JSON.stringify(content), { file: '/etc/mcp.json', environment: {} })
  if (applied.problems.length > 0) throw new Error(JSON.stringify(applied.problems))
  return applied
}

describe('each key of an MCP server is applied', () => {
  const rows: Rows = {
    type: ['http', 'sse'],
    command: ['one', 'two'],
    args: [['one'], ['two']],
    env: [{ A: '1' }, { A: '2' }],
    cwd: ['one', 'two'],
    url: ['http://a.example.org/mcp', 'http://b.example.org/mcp'],
    headers: [{ 'x-team': 'one' }, { 'x-team': 'two' }],
    disabled: [false, true],
    prefix: [true, false],
    era: ['legacy', 'modern'],
    shared: [false, true],
    forwardCaller: [true, false],
    review: ['all', 'off'],
    allow: [['a*'], ['b*']],
    deny: [['a*'], ['b*']],
    prices: [{ '*': 1 }, { '*': 2 }],
    startTimeoutMs: [1, 2],
    callTimeoutMs: [1, 2],
    maxCallMs: [1, 2],
    idleMs: [1, 2],
    maxConcurrentCalls: [1, 2],
    maxConnections: [1, 2],
    maxResultBytes: [2000, 3000],
  }
  const reached: Readonly<Record<string, object>> = {
    type: { url: 'http://a.example.org/mcp' },
    headers: { url: 'http://a.example.org/mcp' },
    url: {},
    forwardCaller: { command: 'mcp_hero' },
  }
  everyKeyHasAnEffect(Object.keys(MCP_FILE.server.keys), rows, (key, value) =>
    mcpFile({ mcpServers: [{ name: 'a', ...(reached[key] ?? { command: 'serve' }), [key]: value }] }),
  )
})

describe('each key of a policy is applied', () => {
  const rows: Rows = {
    ips: [['10.0.0.1'], ['10.0.0.2']],
    contexts: [['one'], ['two']],
    tokens: [['one'], ['two']],
    allow: [['a*'], ['b*']],
    deny: [['a*'], ['b*']],
    callsPerMinute: [1, 2],
    maxConcurrentCalls: [1, 2],
    chatTools: [['a*'], ['b*']],
  }
  everyKeyHasAnEffect(Object.keys(MCP_FILE.policy.keys), rows, (key, value) =>
    mcpFile({ mcpServers: [], policies: [{ [key]: value }] }),
  )
})

describe('each limit of chats with tools is applied', () => {
  const rows: Rows = {
    maxRounds: [1, 2],
    maxMs: [1, 2],
    maxCost: ['0.1', '0.2'],
    searchAbove: [1, 2],
    maxResultCharacters: [300, 400],
  }
  everyKeyHasAnEffect(Object.keys(MCP_FILE.chat.keys), rows, (key, value) =>
    mcpFile({ mcpServers: [], chat: { [key]: value } }),
  )
})

describe('each field of a limit rule changes the rule', () => {
  const rows: Rows = {
    requests_per_minute: [1, 2],
    tokens_per_minute: [1, 2],
    concurrent: [1, 2],
    usd_per_hour: ['1', '2'],
    usd_per_day: ['1', '2'],
    usd_per_month: ['1', '2'],
    usd_total: ['1', '2'],
    allow_unpriced: [false, true],
    providers: [['acme'], ['other']],
    models: [['a'], ['b']],
    hedge: [false, true],
    local_only: [false, true],
    regions: [['DE'], ['FR']],
    no_training: [false, true],
    no_retention: [false, true],
    max_hops: [1, 2],
  }
  everyKeyHasAnEffect(Object.keys(limitRule.shape), rows, (key, value) =>
    readRule(limitRule.parse({ [key]: value })),
  )
})

/** A value that is parsed and read nowhere has no effect, whatever its key promises. */
describe('what is read from a file is used outside its parser', () => {
  const root = join(import.meta.dirname, '..', '..', 'src')
  const isParser = (path: string) => /^(catalog\/|mcp\/config\/|limits\/limit-rule)/.test(path)
  const users = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !isParser(path))
    .map((path) => readFileSync(join(root, path), 'utf8'))
    .join('\n')
  const { servers, policies, chat } = parseMcpConfig(
    JSON.stringify({ mcpServers: [{ name: 'a', command: 'serve' }], policies: [{}] }),
    { file: '/etc/mcp.json', environment: {} },
  )
  const { setting } = modelsFile({
    provider: { command: ['serve', '{socket}'], ready_path: '/a', idle_timeout_s: 1, port: 1 },
  })
  const applied = {
    server: servers[0],
    policy: policies[0],
    chat,
    provider: setting,
    started: setting.server,
  }
  test.each(Object.entries(applied))('%s', (_form, value) => {
    const isRead = (name: string) => new RegExp(`\\.${name}\\b|[{,]\\s*${name}\\s*[,:=}]`).test(users)
    const unread = Object.keys(value ?? {}).filter((name) => !isRead(name))
    expect(unread).toEqual([])
  })
})
