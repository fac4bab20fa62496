import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { createRunFolder, runInSandbox } from '../../src/mcp-servers/hero/sandbox/sandbox.ts'
import { readSettings } from '../../src/mcp-servers/hero/settings.ts'

/** Whether this machine supports the full sandbox; prints why not, because tests are skipped then. */
export async function hasNamespaces(): Promise<boolean> {
  using folder = createRunFolder()
  const job = { modules: { 'main.py': '' }, checkOnly: false }
  try {
    await runInSandbox(job, folder, readSettings({}), AbortSignal.timeout(20_000))
    return true
  } catch (thrown) {
    console.warn(`skipped: ${String(thrown)}`)
    return false
  }
}

/** A Python whose `unshare` fails as it does on a kernel without namespaces, and whose Landlock fails if `withLandlock` is false. */
export function pythonWithoutNamespaces(folder: string, { withLandlock = true } = {}): string {
  const path = join(folder, 'python3')
  mkdirSync(folder, { recursive: true })
  const { python } = readSettings({})
  const landlock = withLandlock
    ? ''
    : `.replace("check(version, 'landlock')", "raise OSError(38, 'Function not implemented')")`
  const arrange = `import sys; code = sys.argv[-1].replace("check(libc.unshare(NAMESPACES), 'unshare')", "raise PermissionError(1, 'Operation not permitted')")${landlock}; sys.argv = ["-c"]; exec(compile(code, "guard", "exec"))`
  const script = `#!/bin/sh\nfor last; do :; done\nexec ${python} -I -S -B -X utf8 -c '${arrange.replaceAll("'", `'\\''`)}' "$last"\n`
  writeFileSync(path, script, { mode: 0o755 })
  return path
}

/** The response of a scripted server on a Unix socket, as a function of path, parsed body and headers. */
export type Script = (
  path: string,
  body: Record<string, unknown>,
  headers: NodeJS.Dict<string | string[]>,
) => unknown

export async function serveOn(socket: string, script: Script): Promise<AsyncDisposable> {
  mkdirSync(join(socket, '..'), { recursive: true })
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString()
      const value = script(
        request.url ?? '',
        text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
        request.headers,
      )
      response.writeHead(value === undefined ? 404 : 200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(value ?? {}))
    })
  })
  server.listen(socket)
  await once(server, 'listening')
  return { [Symbol.asyncDispose]: () => closeNow(server) }
}

async function closeNow(server: Server): Promise<void> {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
}

/** A small service like the broker: it reports what each model cost. */
export const ledgerDocument = {
  openrpc: '1.3.2',
  info: { title: 'Ledger', version: '1.0.0', description: 'Knows what each model cost.' },
  methods: [
    {
      name: 'usage.summary',
      summary: 'Cost per model since a time.',
      params: [
        { name: 'since', required: true, schema: { type: 'integer' }, summary: 'Unix seconds.' },
        { name: 'model', schema: { type: 'string' } },
      ],
      result: { name: 'summary', schema: { $ref: '#/components/schemas/Summary' } },
    },
    {
      name: 'ledger.wipe',
      summary: 'Forgets everything.',
      'x-role': 'admin',
      params: [],
      result: { name: 'done', schema: { type: 'boolean' } },
    },
  ],
  components: {
    schemas: {
      Summary: {
        type: 'object',
        properties: {
          rows: {
            type: 'array',
            items: { type: 'object', properties: { model: { type: 'string' }, cost: { type: 'string' } } },
          },
        },
      },
    },
  },
}

/** Responds to JSON-RPC; `seen` receives every call with its headers. */
export function ledgerScript(
  seen: { method: unknown; params: unknown; headers: NodeJS.Dict<string | string[]> }[],
): Script {
  return (path, body, headers) => {
    if (path !== '/rpc') return undefined
    const { id, method, params } = body
    if (method === 'rpc.discover') return { jsonrpc: '2.0', id, result: ledgerDocument }
    seen.push({ method, params, headers })
    const rows = [
      { model: 'gpt-4o', cost: '0.0123' },
      { model: 'llama', cost: '0.0000039' },
    ]
    return { jsonrpc: '2.0', id, result: { rows } }
  }
}

/** A broker whose model returns these programs, one after the other. */
export function modelScript(programs: readonly string[], modelRequests: unknown[]): Script {
  return (path, body) => {
    if (path !== '/v1/chat/completions') return undefined
    const program = programs[Math.min(modelRequests.length, programs.length - 1)] ?? ''
    modelRequests.push(body['messages'])
    const content = `Here it is:\n\n\`\`\`python\n${program}\n\`\`\`\n`
    return {
      model: 'scripted',
      choices: [{ message: { role: 'assistant', content } }],
      usage: { cost: 0.002 },
    }
  }
}
