import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { hero } from '../../src/mcp-servers/hero.ts'
import {
  hasNamespaces,
  ledgerDocument,
  ledgerScript,
  modelScript,
  pythonWithoutNamespaces,
  serveOn,
} from './hero-support.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { openInProcess } from './support.ts'

const COSTS = `
import ledger
for row in ledger.usage_summary(since=0)["rows"]:
    print(row["model"], row["cost"])
`

/** A machine with one service, a scripted model and `mcp_hero`. */
async function machine({
  programs = [COSTS],
  env = {},
}: { programs?: string[]; env?: Record<string, string> } = {}) {
  const folder = tempFolder()
  const seen: Parameters<typeof ledgerScript>[0] = []
  const modelRequests: { role: string; content: string }[][] = []
  const ledger = await serveOn(join(folder.path, 'ledger', 'rpc.sock'), ledgerScript(seen))
  const broker = await serveOn(
    join(folder.path, 'hero_aibroker', 'rest.sock'),
    modelScript(programs, modelRequests),
  )
  const cache = join(folder.path, 'cache')
  const settings = { PATH_SOCKETS: folder.path, MCP_HERO_CACHE: cache, MCP_HERO_ENABLED: 'true', ...env }
  const connected = await openInProcess(hero, settings)
  await connected.client.listTools()
  return {
    folder: folder.path,
    cache,
    seen,
    modelRequests,
    tool: connected.tool.bind(connected),
    client: connected.client,
    async [Symbol.asyncDispose]() {
      await connected[Symbol.asyncDispose]()
      await ledger[Symbol.asyncDispose]()
      await broker[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

describe('until the operator enables mcp_hero', () => {
  test.each([
    ['list_services', {}],
    ['register_service', { name: 'ledger' }],
    ['get_interface', { service: 'ledger' }],
    ['generate_code', { intent: 'what did it cost?' }],
    ['execute_code', { code: 'print(1)' }],
  ])('%s does nothing and names the variable that enables it', async (name, args) => {
    await using at = await machine({ env: { MCP_HERO_ENABLED: '' } })
    const called = await at.tool(name, args)
    expect(called.data).toMatchObject({ error: { kind: 'disabled' } })
    expect(called.text).toContain('MCP_HERO_ENABLED')
    expect(at.seen).toEqual([])
  })
})

describe('services of the machine', () => {
  test('are listed from the socket folder, with a reason for those that do not describe themselves', async () => {
    await using at = await machine()
    await using _mute = await serveOn(join(at.folder, 'mute', 'rpc.sock'), () => undefined)
    const called = await at.tool('list_services')
    expect(called.data).toMatchObject({
      services: [{ name: 'ledger', title: 'Ledger', methods: 2, summary: 'Knows what each model cost.' }],
      silent: [{ name: 'mute', reason: expect.stringContaining('OpenRPC') }],
    })
  })

  test('without a document can be registered with one, but never with an address', async () => {
    await using at = await machine()
    await using _mute = await serveOn(join(at.folder, 'mute', 'rpc.sock'), () => undefined)
    const given = await at.tool('register_service', { name: 'mute', spec: ledgerDocument })
    expect(given.data).toMatchObject({ service: { name: 'mute', methods: 2 } })
    for (const name of ['../ledger', '/tmp/x', 'nobody']) {
      expect((await at.tool('register_service', { name })).isError).toBe(true)
    }
  })

  test('are read from /openrpc.json when they do not know rpc.discover', async () => {
    await using at = await machine()
    await using _old = await serveOn(join(at.folder, 'old', 'rpc.sock'), (path) =>
      path === '/openrpc.json' ? ledgerDocument : { error: { code: -32_601, message: 'no such method' } },
    )
    expect((await at.tool('get_interface', { service: 'old' })).isError).toBe(false)
  })

  test('are shown as a short interface and a client, cached by the hash of their document', async () => {
    await using at = await machine()
    const called = await at.tool('get_interface', { service: 'ledger', client: true })
    expect(called.data['interface']).toBe(
      [
        '# SERVICE ledger 1.0.0',
        '# SUMMARY Knows what each model cost.',
        'import ledger',
        'ledger.usage_summary(*, since: int, model: str = UNSET) -> {"rows": [{"model": str, "cost": str}]}  # Cost per model since a time.',
        '#   since: Unix seconds.',
        'ledger.ledger_wipe() -> bool  # Forgets everything.',
      ].join('\n'),
    )
    const [hash = ''] = readdirSync(at.cache)
    expect(called.data).toMatchObject({ service: { hash } })
    expect(readFileSync(join(at.cache, hash, 'ledger.py'), 'utf8')).toBe(called.data['client'])
  })
})

describe.skipIf(!(await hasNamespaces()))('a generated program', () => {
  test('is written for an intent, run, and its output returned with what it cost to write', async () => {
    await using at = await machine()
    const called = await at.tool('execute_code', { intent: 'how much did each model cost?' })
    expect(called.text).toContain('gpt-4o 0.0123\nllama 0.0000039')
    expect(called.data).toMatchObject({
      ok: true,
      calls: [{ service: 'ledger', method: 'usage.summary', ok: true }],
      writing: { model: 'scripted', costUsd: 0.002 },
      isolation: { level: 'namespaces', missing: [] },
    })
    expect(at.modelRequests[0]?.[1]?.content).toContain('ledger.usage_summary(')
  })

  test('is written by a model that knows which modules the sandbox lacks', async () => {
    // A Python without tkinter and with a damaged bz2.
    await using at = await machine()
    const python = join(at.folder, 'python3')
    const broken = `import sys; sys.modules["bz2"] = sys.modules["tkinter"] = None; code = sys.argv[-1]; sys.argv = ["-c"]; exec(compile(code, "guard", "exec"))`
    writeFileSync(
      python,
      `#!/bin/sh\nfor last; do :; done\nexec /usr/bin/python3 -I -S -B -X utf8 -c '${broken}' "$last"\n`,
      { mode: 0o755 },
    )
    await using there = await machine({ env: { MCP_HERO_PYTHON: python } })
    await there.tool('execute_code', { intent: 'how much did each model cost?' })
    const rules = there.modelRequests[0]?.[0]?.content
    expect(rules).toMatch(/These modules are not there: bz2, .*tkinter\./)
    expect(rules).not.toMatch(/not there:.*(sqlite3|ssl|lzma|zlib|hashlib)/)
  })

  test('that fails is returned to the model with its error but without its output', async () => {
    const bad = 'print("a secret figure")\nraise ValueError("off by one")'
    await using at = await machine({ programs: [bad, COSTS] })
    const called = await at.tool('execute_code', { intent: 'how much did each model cost?' })
    expect(called.data).toMatchObject({ ok: true, attempts: [{ code: bad, error: expect.any(String) }, {}] })
    const repair = at.modelRequests[1]?.map(({ content }) => content).join('\n') ?? ''
    expect(repair).toContain('ValueError: off by one')
    expect(repair.replaceAll(bad, '')).not.toContain('a secret figure')
    expect(called.data['writing']).toMatchObject({ costUsd: 0.004 })
  })

  test('is attempted no more often than the operator allows', async () => {
    await using at = await machine({ programs: ['raise SystemExit(3)'], env: { MCP_HERO_TRIES: '2' } })
    const called = await at.tool('execute_code', { intent: 'anything at all', tries: 9 })
    expect(called.data).toMatchObject({ ok: false, ending: 'failed' })
    expect(at.modelRequests).toHaveLength(2)
    expect(called.text).toMatch(/^FAILED \(failed\) after 2 tries/)
  })

  test('can be written and its syntax checked without being run', async () => {
    await using at = await machine({ programs: ['print(1', COSTS] })
    const called = await at.tool('generate_code', { intent: 'how much did each model cost?' })
    expect(called.data).toMatchObject({ code: COSTS.trim(), tries: 2, services: ['ledger'] })
    expect(at.seen).toEqual([])
  })

  test("sends services a token signed with the operator's secret, without seeing token or secret", async () => {
    const secret = 'the-operators-secret'
    await using at = await machine({ env: { HERO_SECRET: secret, MCP_HERO_CONTEXT: 'lab' } })
    const spy = `${COSTS}\nimport os\nprint(dict(os.environ))`
    const called = await at.tool('execute_code', { code: spy, services: ['ledger'] })
    const { authorization, 'x-hero-context': context } = at.seen[0]?.headers ?? {}
    const [, claims = ''] = String(authorization).replace('Bearer ', '').split('.')
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({ sub: 'mcp_hero' })
    expect(context).toBe('lab')
    expect(JSON.stringify(called)).not.toContain(secret)
    expect(JSON.stringify(called)).not.toContain(String(authorization))
  })

  test.each([
    ['the service reserves for administrators', {}],
    ['the operator does not allow', { MCP_HERO_METHODS: 'usage.*, models.*' }],
  ])('cannot call a method that %s or that is not documented', async (_who, env) => {
    const wipe = `
import ledger
for call in (ledger.ledger_wipe, lambda: ledger.call("secret.method", {})):
    try:
        call()
    except ledger.RpcError as error:
        print(error)`
    await using at = await machine({ programs: [wipe], env })
    const called = await at.tool('execute_code', { intent: 'wipe the ledger' })
    expect(called.data['stdout']).toMatch(/not allow ledger\/ledger\.wipe[^]*no method secret\.method/)
    expect(at.seen).toEqual([])
    expect(JSON.stringify(at.modelRequests)).not.toContain('ledger_wipe')
  })

  test('calls services over the connection that is opened for it where there are no namespaces', async () => {
    using other = tempFolder()
    const env = { MCP_HERO_PYTHON: pythonWithoutNamespaces(other.path), MCP_HERO_ISOLATION: 'filters' }
    await using at = await machine({ env })
    const called = await at.tool('execute_code', { intent: 'how much did each model cost?' })
    expect(called.data).toMatchObject({
      stdout: 'gpt-4o 0.0123\nllama 0.0000039\n',
      isolation: { level: 'filters' },
    })
    expect(at.modelRequests[0]?.[0]?.content).toContain('no file to write')
  })

  test('cannot make more calls than the operator allows', async () => {
    const many = 'import ledger\nfor _ in range(5): ledger.usage_summary(since=0)'
    await using at = await machine({ env: { MCP_HERO_CALLS: '3' } })
    const called = await at.tool('execute_code', { code: many, services: ['ledger'] })
    expect(called.data).toMatchObject({ ok: false, stderr: expect.stringContaining('more than 3 calls') })
    expect(at.seen).toHaveLength(3)
  })

  test('that loops is killed when the caller disconnects', async () => {
    await using at = await machine()
    const abort = new AbortController()
    const call = at.client.callTool(
      {
        name: 'execute_code',
        arguments: { code: 'import ledger\nledger.usage_summary(since=1)\nwhile True: pass' },
      },
      { signal: abort.signal },
    )
    while (at.seen.length === 0) await new Promise((resolve) => setImmediate(resolve))
    abort.abort()
    await expect(call).rejects.toThrow(/abort/i)
    const next = await at.tool('execute_code', { code: 'print("still here")' })
    expect(next.data).toMatchObject({ ok: true, stdout: 'still here\n' })
  })
})
