import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { BrokerError } from '../../../src/base/errors.ts'
import { usdText, money } from '../../../src/base/money.ts'
import { parseModelsFile, readModelsFile } from '../../../src/catalog/models-file/models-file.ts'

const refusal = (text: string): string => {
  try {
    parseModelsFile(text)
  } catch (error) {
    if (error instanceof BrokerError && error.code === 'bad-request') return error.message
    throw error
  }
  return 'accepted'
}

/** A file with one model whose only backend has these lines added. */
const priced = (...lines: readonly string[]): string =>
  [
    'models:',
    '  m:',
    '    backends:',
    '      - provider: p',
    '        model_id: x',
    ...lines.map((line) => `        ${line}`),
  ].join('\n')
const priceOf = (...lines: readonly string[]) =>
  parseModelsFile(priced(...lines)).catalog.endpoints.get('p/x')?.price

test('the format of the original models file is parsed', () => {
  const { catalog } = parseModelsFile(`
models:
  gpt-4o:
    display_name: "GPT-4o"
    tier: premium
    capabilities:
      - tool_calling
      - vision
    context_window: 128000
    backends:
      - provider: openrouter
        model_id: openai/gpt-4o
        priority: 1
        input_cost: 2.5 # USD per million tokens
        output_cost: 10.0
`)
  expect(catalog.models.get('gpt-4o')).toMatchObject({
    displayName: 'GPT-4o',
    kind: 'chat',
    tier: 'premium',
    capabilities: ['tool_calling', 'vision'],
    contextWindow: 128_000,
    maxOutputTokens: undefined,
    endpoints: [
      {
        id: 'openrouter/openai/gpt-4o',
        provider: 'openrouter',
        modelId: 'openai/gpt-4o',
        priority: 1,
        contextWindow: 128_000,
        price: { input: 2_500_000_000n, output: 10_000_000_000n, cachedInput: undefined, source: undefined },
      },
    ],
  })
})

test('all problems are reported at once, each with its place and the remedy', () => {
  expect(
    refusal(`models:
  gpt-4o:
    tier: 1
    context_window: 128_000
    backends:
      - provider: openrouter
        model_id: openai/gpt-4o
        input_cots: 2.5
        output_cost: ten
        price_date: 2026-13-01
      - model_id: 4
        tiers: {above_input_tokens: 1}
  gpt-4o: {}
  auto:
    kind: video
    backends: []
  twice:
    backends:
      - {provider: a, model_id: b, minute_cost: 1, hour_cost: 60}
      - {provider: a, model_id: b, tiers: [{above_input_tokens: 9}, {above_input_tokens: 9}]}
provider: {}
providers:
  a b: {base_url: localhost, key_env: sk-very-secret, command: [serve], idle_timeout_s: 0}
  c: {port: 80}
  d: {command: [serve, "{port}"]}
`),
  ).toMatchInlineSnapshot(`
    "modelsconfig.yml has 24 problems
    modelsconfig.yml:3:11: models.gpt-4o.tier: is a number, should be text: put it into quotes, "1"
    modelsconfig.yml:4:21: models.gpt-4o.context_window: “128_000” should be a whole number of at least 1, such as 128
    modelsconfig.yml:8:9: models.gpt-4o.backends[0].input_cots: is not a key that belongs here; did you mean “input_cost”?
    modelsconfig.yml:9:22: models.gpt-4o.backends[0].output_cost: “ten” should be US dollars per million tokens, such as 2.5, with at most 9 decimals
    modelsconfig.yml:10:21: models.gpt-4o.backends[0].price_date: “2026-13-01” is not a day; write year-month-day, such as 2026-09-23
    modelsconfig.yml:11:9: models.gpt-4o.backends[1]: “provider” is missing
    modelsconfig.yml:11:19: models.gpt-4o.backends[1].model_id: is a number, should be text: put it into quotes, "4"
    modelsconfig.yml:12:16: models.gpt-4o.backends[1].tiers: is a mapping, should be a list: one line with “- ” for each
    modelsconfig.yml:13:3: models.gpt-4o: is written twice, first in line 2; keep one
    modelsconfig.yml:14:3: models.auto: means automatic selection and can’t be a model; choose another name
    modelsconfig.yml:15:11: models.auto.kind: “video” is not known here; write chat or embedding or speech or transcription or image or rerank or moderation
    modelsconfig.yml:16:15: models.auto.backends: is empty: without a backend nobody can answer
    modelsconfig.yml:19:63: models.twice.backends[0].hour_cost: minute_cost says this already; keep one of the two
    modelsconfig.yml:20:9: models.twice.backends[1]: offers a/b a second time; keep one
    modelsconfig.yml:20:43: models.twice.backends[1].tiers: tiers need the input_cost that holds below them
    modelsconfig.yml:20:90: models.twice.backends[1].tiers[1].above_input_tokens: should be more than in the tier before it
    modelsconfig.yml:21:1: provider: is not a key that belongs here; did you mean “providers”?
    modelsconfig.yml:23:3: providers["a b"]: “a b” can’t be a provider’s name; letters, digits, “-”, “_” and “.” can
    modelsconfig.yml:23:19: providers["a b"].base_url: “localhost” is not an address (it is no URL); write https://host/v1, http://host/v1 or http+unix://%2Fpath%2Fof.sock/v1
    modelsconfig.yml:23:39: providers["a b"].key_env: should be the name of a variable, such as ACME_API_KEY, never the key itself
    modelsconfig.yml:23:64: providers["a b"].command: doesn’t say where the server listens: add {socket} to it, or “port”
    modelsconfig.yml:23:89: providers["a b"].idle_timeout_s: “0” should be a whole number of at least 1, such as 128
    modelsconfig.yml:24:13: providers.c.port: only means something together with “command”
    modelsconfig.yml:25:16: providers.d.command: has {port}, and no “port” says which"
  `)
})

test.each(['?api-version=s3cret', '#s3cret'])('a base URL followed by “%s” is refused', (rest) => {
  const message = refusal(`
providers:
  acme: {base_url: "https://acme.example/v1${rest}"}
`)
  expect(message).toContain('“https://acme.example/v1?***” is not an address (it ends with its path;')
  expect(message).not.toContain('s3cret')
})

test.each([
  ['models: [', /:1:\d+: is not YAML/],
  ['', 'modelsconfig.yml:1:1: is empty, should be a mapping'],
  ['- models', 'modelsconfig.yml:1:1: is a list, should be a mapping'],
  ['models: *nowhere', 'modelsconfig.yml:1:9: models: is an alias of nothing'],
  ['models:\n  m:', 'modelsconfig.yml:2:5: models.m: is empty'],
])('the text %j is refused at the right place', (text, message) => {
  expect(refusal(text)).toMatch(message)
})

test('a key named __proto__ is treated like any other key', () => {
  const { catalog } = parseModelsFile('models: {__proto__: {backends: [{provider: p, model_id: x}]}}')
  expect(catalog.models.get('__proto__')?.endpoints[0]?.id).toBe('p/x')
  expect(refusal(priced('__proto__: 1'))).toContain(
    'models.m.backends[0].__proto__: is not a key that belongs here',
  )
  expect('backends' in {}).toBe(false)
})

test('anchors and aliases are resolved', () => {
  const { catalog } = parseModelsFile('models: {a: &a {backends: [{provider: p, model_id: x}]}, b: *a}')
  expect([...catalog.models.keys()]).toEqual(['a', 'b'])
})

test('an absent price is unknown, and zero is free', () => {
  expect(priceOf()).toBeUndefined()
  expect(priceOf('price_source: a list without this model')).toBeUndefined()
  expect(priceOf('input_cost: 0')).toMatchObject({ input: 0n, output: undefined })
})

test.each(['2.5', '"2.5"', '2.50', '25e-1'])('the price %s is two and a half dollars', (digits) => {
  expect(priceOf(`input_cost: ${digits}`)?.input).toBe(2_500_000_000n)
})

test.each(['-1', '+2.5', '0x10', '.inf', '.nan', 'true', '[1]', '0.0000000001', ''])(
  'the price “%s” is refused',
  (digits) => {
    expect(refusal(priced(`input_cost: ${digits}`))).toContain('models.m.backends[0].input_cost')
  },
)

test('a price with more digits than a float can hold is exact', () => {
  expect(priceOf('input_cost: 12345678901234.123456789')?.input).toBe(12_345_678_901_234_123_456_789n)
})

test('property: any formatted amount is parsed back to the nano-dollar', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), (nano) => {
      expect(priceOf(`input_cost: ${usdText(money(nano))}`)?.input).toBe(nano)
    }),
  )
})

test('prices per minute and per hour of audio are equivalent and exact', () => {
  expect(priceOf('minute_cost: 0.006')).toMatchObject({ hours: 360_000_000_000_000n })
  expect(priceOf('hour_cost: 0.36')?.hours).toBe(priceOf('minute_cost: 0.006')?.hours)
  expect(priceOf('hour_cost: 0.04', 'minimum_seconds: 10')).toMatchObject({
    hours: 40_000_000_000_000n,
    minimumSeconds: 10,
  })
})

test('a tier keeps the base rates that it does not set', () => {
  const price = priceOf(
    'input_cost: 3',
    'output_cost: 15',
    'cached_input_cost: 0.3',
    'tiers: [{above_input_tokens: 200000, input_cost: 6}]',
  )
  expect(price?.tiers).toEqual([
    expect.objectContaining({
      aboveInputTokens: 200_000,
      input: 6_000_000_000n,
      output: 15_000_000_000n,
      cachedInput: 300_000_000n,
    }),
  ])
})

test.each([
  ['kind: speech', 'speech'],
  ['capabilities: [tts]', 'speech'],
  ['capabilities: [speech-to-text]', 'transcription'],
  ['capabilities: [embeddings]', 'embedding'],
  ['capabilities: [vision]', 'chat'],
])('a model with %s is for %s', (line, kind) => {
  const { catalog } = parseModelsFile(`models: {m: {${line}, backends: [{provider: p, model_id: x}]}}`)
  expect(catalog.models.get('m')?.kind).toBe(kind)
})

test('backends are sorted by priority', () => {
  const { catalog } = parseModelsFile(`
models:
  m:
    context_window: 100
    backends:
      - {provider: last, model_id: x, priority: 20}
      - {provider: first, model_id: x, priority: 1, context_window: 50}
      - {provider: between, model_id: x}
`)
  const endpoints = catalog.models.get('m')?.endpoints ?? []
  expect(endpoints.map(({ provider, priority }) => [provider, priority])).toEqual([
    ['first', 1],
    ['between', 3],
    ['last', 20],
  ])
  expect(endpoints.map(({ contextWindow }) => contextWindow)).toEqual([50, 100, 100])
})

test('the version depends on the content, to the nano-dollar, and not on the order', () => {
  const a =
    'a: {tier: x, capabilities: [u, v], backends: [{provider: p, model_id: x, priority: 1}, {provider: q, model_id: x, priority: 2, input_cost: 1}]}'
  const aTurned =
    'a: {backends: [{priority: 2, input_cost: 1.0, provider: q, model_id: x}, {provider: p, priority: 1, model_id: x}], capabilities: [v, u], tier: x}'
  const b = 'b: {backends: [{provider: p, model_id: y}]}'
  const version = (text: string) => parseModelsFile(text).catalog.version
  expect(version(`models: {${a}, ${b}}`)).toMatch(/^[0-9a-f]{12}$/)
  expect(version(`models: {${b}, ${aTurned}}`)).toBe(version(`models: {${a}, ${b}}`))
  expect(version(`models: {${a.replace('cost: 1', 'cost: 1.000000001')}, ${b}}`)).not.toBe(
    version(`models: {${a}, ${b}}`),
  )
})

test('the parsed catalogue is frozen', () => {
  const model = parseModelsFile(
    priced('input_cost: 1', 'tiers: [{above_input_tokens: 1}]'),
  ).catalog.models.get('m')
  const endpoint = model?.endpoints[0]
  for (const part of [
    model,
    model?.endpoints,
    model?.capabilities,
    endpoint,
    endpoint?.price,
    endpoint?.price?.tiers?.[0],
  ])
    expect(Object.isFrozen(part)).toBe(true)
})

test('the providers section is parsed', () => {
  const { providers } = parseModelsFile(`
providers:
  acme:
    display_name: Acme
    base_url: https://api.acme.example/v1
    key_env: ACME_KEY
    headers: {X-Team: blue}
    quirks: {max_tokens_field: max_tokens, streams_usage: false}
    abort_stops_billing: true
  here:
    command: [llama-server, -m, model.gguf, --host, "{socket}"]
    ready_path: /health
    idle_timeout_s: 300
    models: any
`)
  expect(providers.get('acme')).toMatchObject({
    name: 'acme',
    displayName: 'Acme',
    baseUrl: 'https://api.acme.example/v1',
    keyEnv: 'ACME_KEY',
    headers: new Map([['X-Team', 'blue']]),
    quirks: new Map<string, unknown>([
      ['max_tokens_field', 'max_tokens'],
      ['streams_usage', false],
    ]),
    abortStopsBilling: true,
    server: undefined,
  })
  expect(providers.get('here')).toMatchObject({
    models: 'any',
    server: {
      command: ['llama-server', '-m', 'model.gguf', '--host', '{socket}'],
      readyPath: '/health',
      idleTimeoutMs: 300_000,
      port: undefined,
    },
  })
})

test('an unreadable models file gets an error with its path and the remedy', () => {
  expect(() => readModelsFile('/nowhere/models.yml')).toThrow(/\/nowhere\/models\.yml.*MODELS_CONFIG_PATH/)
})

test('merge keys take the entries of other mappings that are not written anew, numbers to the digit', () => {
  const { catalog } = parseModelsFile(`
models:
  a:
    backends:
      - &base {provider: p, model_id: x, input_cost: 0.1, output_cost: 2}
  b:
    backends:
      - <<: *base
        model_id: y
        output_cost: 3
  c:
    backends:
      - {<<: [{model_id: z}, *base]}
`)
  const priceOfEndpoint = (id: string) => catalog.endpoints.get(id)?.price
  expect(priceOfEndpoint('p/y')).toMatchObject({ input: priceOfEndpoint('p/x')?.input })
  expect(priceOfEndpoint('p/y')?.output).not.toEqual(priceOfEndpoint('p/x')?.output)
  expect(priceOfEndpoint('p/z')).toMatchObject({ output: priceOfEndpoint('p/x')?.output })
})

test('a merge key with anything but mappings is refused by name', () => {
  expect(refusal('models:\n  m:\n    <<: 7\n    backends: []')).toContain('must be an alias of a mapping')
})
