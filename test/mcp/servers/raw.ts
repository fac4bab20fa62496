// A hand-written server of the revisions with sessions, so that it can misbehave in ways no SDK would.
// MODE states how; its tools are `echo`, `remember` (state of one connection), `recall`, and what the mode adds.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'

const mode = process.env['MODE'] ?? 'good'
let remembered = 'nothing'
let listed = 0

interface Message {
  readonly id?: number | string
  readonly method?: string
  readonly params?: {
    readonly name?: string
    readonly cursor?: string
    readonly arguments?: Record<string, unknown>
    readonly protocolVersion?: string
    readonly _meta?: { readonly progressToken?: unknown }
  }
}

const write = (message: unknown): void => void process.stdout.write(`${JSON.stringify(message)}\n`)
const respond = (id: Message['id'], result: unknown): void => write({ jsonrpc: '2.0', id, result })
const refuse = (id: Message['id'], code: number, message: string): void =>
  write({ jsonrpc: '2.0', id, error: { code, message } })
const text = (value: string): unknown => ({ content: [{ type: 'text', text: value }] })

function tools(): unknown[] {
  const tool = (name: string, description = name): unknown => ({
    name,
    description,
    inputSchema: { type: 'object' },
  })
  const drift = process.env['DRIFT_FILE']
  const described = drift !== undefined && existsSync(drift) ? readFileSync(drift, 'utf8') : 'says it again'
  const many = Array.from({ length: Number(process.env['MANY'] ?? 0) }, (_, index) => tool(`tool_${index}`))
  return [
    tool('echo', described),
    ...[
      'remember',
      'recall',
      'env',
      'blame',
      'hang',
      'crash',
      'flood',
      'big',
      'pid',
      'children',
      'slow',
      'storm',
      'listed',
      'give',
      'meta',
    ].map((name) => tool(name)),
    ...many,
  ]
}

/** The next page of a list whose pages have PAGE bytes: PAGES of them, or endlessly many. */
function nextPage(cursor = '1'): object {
  const { PAGE: page, PAGES: pages } = process.env
  if (page === undefined) return {}
  const padding = 'x'.repeat(Number(page))
  return cursor === pages ? { padding } : { nextCursor: String(Number(cursor) + 1), padding }
}

/** Writes past the stream, which would keep everything in memory because the event loop never runs. */
function flood(): void {
  const params = { level: 'info', data: 'x'.repeat(999) }
  const line = `${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params })}\n`
  for (;;) {
    try {
      writeSync(1, line)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) process.exit(1)
    }
  }
}

function call(
  id: Message['id'],
  { name, arguments: args = {}, _meta }: NonNullable<Message['params']>,
): void {
  switch (name ?? '') {
    case 'remember':
      remembered = String(args['what'])
      return respond(id, text('remembered'))
    case 'recall':
      return respond(id, text(remembered))
    case 'env':
      return respond(id, text(JSON.stringify(process.env)))
    case 'blame':
      return respond(id, {
        content: [{ type: 'text', text: `bad key ${process.env['KEY']}` }],
        isError: true,
      })
    case 'pid':
      return respond(id, text(String(process.pid)))
    case 'hang':
      return
    case 'crash':
      return process.exit(3)
    case 'flood':
      return flood()
    case 'storm':
      for (let nth = 0; nth < Number(args['times']); nth++)
        write({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
      return respond(id, text('stormed'))
    case 'give':
      return respond(id, args['result'])
    case 'meta':
      return respond(id, text(JSON.stringify(_meta ?? {})))
    case 'listed':
      return respond(id, text(String(listed)))
    case 'big':
      return respond(id, text('x'.repeat(Number(args['bytes']))))
    case 'slow':
      for (let step = 1; step <= 3; step++) {
        write({
          jsonrpc: '2.0',
          method: 'notifications/progress',
          params: { progressToken: _meta?.progressToken, progress: step, total: 3 },
        })
      }
      return respond(id, text('done'))
    case 'children': {
      // One process in the group, and one that leaves it, as a daemon would.
      const sleepers = [false, true].map(
        (detached) => spawn('sleep', ['600'], { detached, stdio: 'ignore' }).pid,
      )
      return respond(id, text(JSON.stringify(sleepers)))
    }
    default:
      return name === 'echo' || name?.startsWith('tool_') === true
        ? respond(id, text(JSON.stringify(args)))
        : refuse(id, -32602, `no tool ${String(name)}`)
  }
}

if (mode === 'garbage')
  process.stdout.write('Starting up!\n{"not": "a message"}\n\u0000\u0001\u0002\n{broken\n')
if (mode === 'noise') process.stderr.write('x'.repeat(8 * 1024 * 1024))
if (mode === 'dies') process.exit(1)

createInterface({ input: process.stdin }).on('line', (line) => {
  if (mode === 'mute') return
  const { id, method, params = {} }: Message = JSON.parse(line)
  if (mode === 'garbage') process.stdout.write('debug: got a line\n')
  if (method === 'initialize') {
    const serverInfo = { name: 'raw', version: '1' }
    return respond(id, {
      protocolVersion: '2025-06-18',
      capabilities: { tools: { listChanged: true }, logging: {} },
      serverInfo,
    })
  }
  if (method === 'ping') return respond(id, {})
  if (method === 'tools/list') listed++
  if (method === 'tools/list') return respond(id, { tools: tools(), ...nextPage(params.cursor) })
  if (method === 'tools/call') return call(id, params)
  if (method === 'logging/setLevel') return respond(id, {})
  if (id !== undefined) refuse(id, -32601, 'Method not found')
})
// A hanging server does not even exit when its input ends.
if (mode === 'mute') setInterval(() => undefined, 1000)
else process.stdin.on('end', () => process.exit(0))
