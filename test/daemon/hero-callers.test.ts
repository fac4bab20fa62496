import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { hasNamespaces, ledgerScript, serveOn } from '../mcp-servers/hero-support.ts'
import { binOf } from '../mcp-servers/support.ts'
import { program } from '../mcp/support.ts'
import { mcpFile } from '../support/mcp-file.ts'
import { json, scriptedUpstream, type ReceivedRequest, type Step } from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const MODELS = (baseUrl: string) => `
providers:
  scripted:
    base_url: ${baseUrl}
models:
  coder:
    backends: [{ provider: scripted, model_id: coder, input_cost: 1, output_cost: 1 }]
`

/** A model that calls the first tool that it is offered, and else writes a program which prints one word. */
function respond({ body }: ReceivedRequest): readonly Step[] {
  const { model, tools = [] } = body as { model: string; tools?: { function: { name: string } }[] }
  const usage = { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100 }
  const [tool] = tools
  const program = { role: 'assistant', content: '```python\nprint("done")\n```' }
  const call = { id: 'c', type: 'function', function: { name: tool?.function.name, arguments: '{}' } }
  const message = tool === undefined ? program : { role: 'assistant', content: null, tool_calls: [call] }
  const choices = [{ index: 0, message, finish_reason: tool === undefined ? 'stop' : 'tool_calls' }]
  return [json(200, { id: 'x', object: 'chat.completion', created: 1, model, choices, usage })]
}

interface Options {
  readonly hero?: Readonly<Record<string, string>>
  readonly entry?: object
  readonly policies?: readonly object[]
  readonly env?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
}

/** The real daemon with `mcp_hero`, another MCP server, and a scripted model. */
async function brokerWithHero({ hero = {}, entry = {}, policies, env = {}, args = [] }: Options = {}) {
  const own = tempFolder()
  const folder = own.path
  const upstream = await scriptedUpstream(respond)
  const models = join(folder, 'models.yml')
  writeFileSync(models, MODELS(upstream.baseUrl))
  const heroEnv = {
    MCP_HERO_ENABLED: 'true',
    MCP_HERO_MODEL: 'coder',
    PATH_SOCKETS: join(folder, 's'),
    PATH_ROOT: folder,
  }
  const servers = {
    hero: {
      command: process.execPath,
      args: [binOf('mcp_hero')],
      env: { ...heroEnv, ...hero },
      prices: { '*': '0' },
      ...entry,
    },
    raw: program('raw', {}, { prices: { '*': '0' } }),
  }
  const file = mcpFile(folder, servers, policies === undefined ? {} : { policies })
  const broker = await startBroker({ folder, args, env: { ...file.env, MODELS_CONFIG_PATH: models, ...env } })
  return {
    broker,
    upstream,
    async [Symbol.asyncDispose]() {
      await broker[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
      own[Symbol.dispose]()
    },
  }
}

interface ToolResult {
  readonly isError?: boolean
  readonly content: readonly { readonly text: string }[]
  readonly structuredContent?: Readonly<Record<string, unknown>>
}

async function callHero(
  broker: Broker,
  tool: string,
  args: object,
  headers: Readonly<Record<string, string>>,
) {
  const { json } = await broker.post(`/mcp/tools/hero__${tool}`, args, { headers })
  return json as ToolResult
}

const run = async (broker: Broker, code: string, headers: Readonly<Record<string, string>> = {}) => {
  const result = await callHero(broker, 'execute_code', { code, services: ['hero_aibroker'] }, headers)
  return (result.structuredContent?.['stdout'] as string | undefined) ?? result.content[0]?.text
}

async function createToken(broker: Broker, rule: object, admin?: string) {
  const headers = admin === undefined ? {} : { authorization: `Bearer ${admin}` }
  const call = { jsonrpc: '2.0', id: 1, method: 'tokens.create', params: { label: 'small', rule } }
  const { json } = await broker.post('/rpc', call, { socketPath: broker.sockets.rpc, headers })
  return (json as { result: { token: string; id: string } }).result
}

/** A document of the broker that names no role. */
const FORGED = {
  openrpc: '1.3.2',
  info: { title: 'Broker', version: '1' },
  methods: ['tokens.create', 'tokens.list', 'limits.set', 'config.show'].map((name) => ({
    name,
    params: [{ name: 'label', schema: { type: 'string' } }],
    result: { name: 'result', schema: {} },
  })),
}

/** Calls a method of the broker by its name, whatever the generated client offers. */
const calling = (method: string, params = '{}') => `
import hero_aibroker
try:
    print(hero_aibroker.call(${JSON.stringify(method)}, ${params}))
except hero_aibroker.RpcError as error:
    print("refused", error)
`

describe.skipIf(!(await hasNamespaces()))('a caller of mcp_hero', () => {
  test.each([
    [
      'a broker with an admin token',
      { ADMIN_TOKEN: 'letmein', HERO_SECRET: 'a-secret-of-the-operator' },
      'letmein',
    ],
    ['a broker without an admin token', {}, undefined],
  ] as const)('never becomes an administrator of %s', async (_case, env, admin) => {
    const hero = { HERO_SECRET: 'a-secret-of-the-operator', MCP_HERO_METHODS: '*' }
    await using at = await brokerWithHero({ env, hero })
    const { token } = await createToken(at.broker, { usd_total: '0.000000001' }, admin)
    const headers = { authorization: `Bearer ${token}` }
    await callHero(at.broker, 'register_service', { name: 'hero_aibroker', spec: FORGED }, headers)
    const printed = await run(at.broker, calling('tokens.create', '{"label": "unlimited"}'), headers)
    expect(printed).toMatch(/refused.*(role|not this caller)/)
    expect(printed).not.toContain('hb-')
    // The document of the broker itself is in force for everybody.
    const shown = await callHero(at.broker, 'get_interface', { service: 'hero_aibroker' }, {})
    expect(shown.content[0]?.text).toContain('hero_aibroker.usage_summary(')
  })

  test('is the caller whom its programs act for, with address, context and token', async () => {
    await using at = await brokerWithHero({ hero: { MCP_HERO_METHODS: 'ai.chat' } })
    const { token, id } = await createToken(at.broker, { usd_total: '5' })
    const headers = {
      authorization: `Bearer ${token}`,
      'x-hero-context': 'lab',
      'x-forwarded-for': '10.1.2.3',
    }
    const chat = calling('ai.chat', '{"model": "coder", "messages": [{"role": "user", "content": "hi"}]}')
    expect(await run(at.broker, chat, headers)).toContain('done')
    await expect
      .poll(() => at.broker.rows())
      .toMatchObject([
        { kind: 'chat', ip: '10.1.2.3', context: 'lab', token: id },
        { kind: 'tool', ip: '10.1.2.3', context: 'lab', token: id },
      ])
  })

  test.each(['1', '2'])('pays for the programs that are written for it, with %s workers', async (workers) => {
    await using at = await brokerWithHero({ env: { AIBROKER_WORKERS: workers } })
    const poor = await createToken(at.broker, { usd_total: '0.000000001' })
    const rich = await createToken(at.broker, { usd_total: '5' })
    const write = (token: string) =>
      callHero(
        at.broker,
        'generate_code',
        { intent: 'print done', services: ['hero_aibroker'] },
        {
          authorization: `Bearer ${token}`,
        },
      )
    expect((await write(poor.token)).content[0]?.text).toMatch(/hero quota: .*left/)
    expect(at.upstream.requests).toHaveLength(0)
    expect((await write(rich.token)).structuredContent).toMatchObject({ code: 'print("done")' })
    await expect
      .poll(() => at.broker.rows().filter(({ kind }) => kind === 'chat'))
      .toMatchObject([{ token: rich.id, context: null }])
  })

  test('reaches the tools of other servers only where the operator allows it, and only its own', async () => {
    const policies = [
      { contexts: ['narrow'], allow: ['hero__execute_code'] },
      { contexts: ['wide'], allow: ['*'] },
    ]
    const echo = calling('mcp.call_tool', '{"name": "raw__echo", "arguments": {"a": 1}}')
    {
      await using closed = await brokerWithHero({ policies, hero: { MCP_HERO_METHODS: '*' } })
      expect(await run(closed.broker, echo, { 'x-hero-context': 'wide' })).toMatch(/refused.*not allow/)
    }
    await using open = await brokerWithHero({ policies, hero: { MCP_HERO_METHODS: 'mcp.*' } })
    expect(await run(open.broker, echo, { 'x-hero-context': 'wide' })).toContain('{"a":1}')
    expect(await run(open.broker, echo, { 'x-hero-context': 'narrow' })).toMatch(/refused.*may not use tool/)
  })

  test('has no tools of other servers run by a chat of its programs, nor by the writing of them', async () => {
    const policies = [{ allow: ['*'], chatTools: ['raw__*'] }]
    await using at = await brokerWithHero({ policies })
    const chat = (more: string) =>
      calling('ai.chat', `{"model": "coder", "messages": [{"role": "user", "content": "hi"}]${more}}`)
    expect(await run(at.broker, chat(''))).toContain('done')
    const tools = ', "options": {"tools": [{"type": "mcp", "server_label": "raw"}]}'
    expect(await run(at.broker, chat(tools))).toMatch(/refused.*tools of the broker/)
    const written = await callHero(at.broker, 'generate_code', { intent: 'print done' }, {})
    expect(written.structuredContent).toMatchObject({ code: 'print("done")' })
    const offered = at.upstream.requests.map(({ body }) => (body as { tools?: unknown }).tools)
    expect(offered).toEqual([undefined, undefined])
  })

  test('gets no answer in the name of the program when the caller is not forwarded', async () => {
    await using at = await brokerWithHero({ entry: { forwardCaller: false } })
    const result = await callHero(at.broker, 'execute_code', { code: 'print(1)' }, {})
    expect(result).toMatchObject({ isError: true })
    expect(result.content[0]?.text).toContain('forwardCaller')
  })

  test('has its credential shown to the broker alone, and only while its call runs', async () => {
    const args = ['--address', '127.0.0.1', '--port', '0']
    await using at = await brokerWithHero({ args, hero: { HERO_SECRET: 'a-secret-of-the-operator' } })
    const seen: Record<string, unknown>[] = []
    const during: number[] = []
    const spy = async (authorization: string) => {
      const where = { socketPath: undefined, port: at.broker.port }
      for (const target of [{}, where])
        during.push((await at.broker.get('/v1/key', { ...target, headers: { authorization } })).status)
    }
    const socket = join(at.broker.folder, 's', 'ledger', 'rpc.sock')
    const script = ledgerScript([])
    await using _ledger = await serveOn(socket, (path, body, headers) => {
      if (body['method'] !== 'rpc.discover') seen.push(headers)
      return script(path, body, headers)
    })
    const headers = { 'x-hero-context': 'lab', 'x-forwarded-for': '10.1.2.3' }
    const code = 'import ledger\nledger.usage_summary(since=0)\nprint("asked")'
    const result = await callHero(at.broker, 'execute_code', { code, services: ['ledger'] }, headers)
    expect(result.structuredContent).toMatchObject({ stdout: 'asked\n' })
    expect(seen).toMatchObject([
      { 'x-hero-context': 'lab', 'x-forwarded-for': '10.1.2.3', via: '1.1 mcp_hero' },
    ])
    const [, claims = ''] = String(seen[0]?.['authorization']).split('.')
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({ scope: 'caller' })
    await spy('Bearer call-0000000000000000000000000000000000000000000')
    expect(during).toEqual([401, 401])
    const { json } = await at.broker.post('/mcp/tools/raw__meta', {}, { headers })
    expect(JSON.stringify(json)).not.toContain('hero-aibroker/caller')
  })
})
