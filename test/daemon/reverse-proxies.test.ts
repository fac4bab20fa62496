// Runs the recipes of docs/reverse-proxies.md with the real programs, where they are installed.
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createConnection, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startBroker, type Broker, type BrokerOptions } from '../support/start-broker.ts'

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'reverse-proxies.md'), 'utf8')
const SOCKET = '/home/ai/hero/var/sockets/hero_aibroker/rest.sock'
const CALLER = '127.0.0.5'

/** The recipe for one front end, with this port and this upstream in place of those in the page. */
function recipe(language: string, port: number, socketPath: string): string {
  const block = new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(PAGE)?.[1]
  if (block === undefined) throw new Error(`the page has no recipe for ${language}`)
  expect(block).toContain(SOCKET)
  expect(block).toContain('8080')
  return block.replace(SOCKET, socketPath).replace('8080', String(port))
}

interface Front {
  readonly installed: boolean
  /** Writes its files and returns its arguments. */
  readonly configure: (folder: string, port: number, socketPath: string) => string[]
}

const FRONTS: Readonly<Record<string, Front>> = {
  nginx: {
    installed: spawnSync('nginx', ['-v']).status === 0,
    configure(folder, port, socketPath) {
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (name) => `${name}_temp_path ${folder};`,
      )
      const user = process.getuid?.() === 0 ? 'user root;' : ''
      const around = `${user} daemon off; pid ${folder}/pid; error_log ${folder}/err; events {}`
      const http = `access_log off; ${temporary.join(' ')} ${recipe('nginx', port, socketPath)}`
      writeFileSync(join(folder, 'nginx.conf'), `${around}\nhttp { ${http} }\n`)
      return ['-c', join(folder, 'nginx.conf'), '-p', folder]
    },
  },
  haproxy: {
    installed: spawnSync('haproxy', ['-v']).status === 0,
    configure(folder, port, socketPath) {
      writeFileSync(join(folder, 'haproxy.cfg'), recipe('haproxy', port, socketPath))
      return ['-db', '-f', join(folder, 'haproxy.cfg')]
    },
  },
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

interface RunningFront extends AsyncDisposable {
  readonly port: number
}

async function startFront(
  name: string,
  broker: Pick<Broker, 'folder'>,
  upstream: string,
): Promise<RunningFront> {
  const port = await freePort()
  const args = FRONTS[name]?.configure(broker.folder, port, upstream) ?? []
  const child = spawn(name, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (text) => (errors += String(text)))
  const ended = new Promise<never>((_, reject) =>
    child.once('exit', () => reject(new Error(`${name} ended: ${errors}`))),
  )
  ended.catch(() => undefined)
  await Promise.race([untilOpen(port), ended])
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await ended.catch(() => undefined)
    },
  }
}

async function untilOpen(port: number): Promise<void> {
  for (;;) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = createConnection({ port, host: '127.0.0.1' })
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (isOpen) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Sends a chat from `CALLER` and returns its status; header lines may repeat. */
function chat(port: number, headers: Readonly<Record<string, string | string[]>> = {}): Promise<number> {
  const body = JSON.stringify({ model: 'local/loopback', messages: [{ role: 'user', content: 'hello' }] })
  const about = { 'content-type': 'application/json', 'content-length': String(body.length), ...headers }
  const options = {
    host: '127.0.0.1',
    port,
    localAddress: CALLER,
    method: 'POST',
    path: '/v1/chat/completions',
  }
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...options, headers: about }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0))
    })
    outgoing.once('error', reject).end(body)
  })
}

const payersOf = (broker: Broker) => broker.rows().map((row) => `${row['ip']} ${row['context'] ?? '-'}`)

describe.each(Object.keys(FRONTS))('%s in front of the broker, as its recipe says', (name) => {
  const isInstalled = FRONTS[name]?.installed === true
  const withFront = async (
    use: (broker: Broker, front: RunningFront) => Promise<void>,
    more: BrokerOptions = {},
  ) => {
    await using broker = await startBroker(more)
    await using front = await startFront(name, broker, broker.sockets.rest)
    await use(broker, front)
  }

  test.skipIf(!isInstalled)('the address that it saw pays, and callers cannot write another payer', () =>
    withFront(async (broker, { port }) => {
      expect(await chat(port)).toBe(200)
      expect(await chat(port, { 'x-forwarded-for': '9.9.9.9' })).toBe(200)
      expect(await chat(port, { 'x-forwarded-for': ['9.9.9.9', '8.8.8.8, unknown'] })).toBe(200)
      expect(await chat(port, { 'x-hero-context': 'stolen', 'x-real-ip': '9.9.9.9' })).toBe(200)
      expect(payersOf(broker)).toEqual(Array.from({ length: 4 }, () => `${CALLER} -`))
    }),
  )

  test.skipIf(!isInstalled)('what it passes on is no administrator’s call', () =>
    withFront(async (_broker, { port }) => {
      const response = await fetch(`http://127.0.0.1:${port}/billing/usage`)
      expect(response.status).toBe(401)
    }),
  )

  test.skipIf(!isInstalled)('a stream reaches its end through it', () =>
    withFront(async (_broker, { port }) => {
      const messages = [{ role: 'user', content: 'hello' }]
      const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'local/loopback', messages, stream: true }),
      })
      const text = await response.text()
      expect(text).toContain('data: [DONE]')
    }),
  )
})

const bothInstalled = FRONTS['nginx']?.installed === true && FRONTS['haproxy']?.installed === true

test.skipIf(!bothInstalled)(
  'behind HAProxy and nginx the caller pays, if the inner hop is a trusted proxy',
  async () => {
    await using broker = await startBroker({ env: { AIBROKER_TRUSTED_PROXIES: '127.0.0.0/30' } })
    await using inner = await startFront('nginx', broker, broker.sockets.rest)
    const outerPort = await freePort()
    const config = recipe('haproxy', outerPort, 'x').replace('unix@x', `127.0.0.1:${inner.port}`)
    writeFileSync(join(broker.folder, 'outer.cfg'), config)
    const outer = spawn('haproxy', ['-db', '-f', join(broker.folder, 'outer.cfg')], { stdio: 'ignore' })
    try {
      await untilOpen(outerPort)
      expect(await chat(outerPort, { 'x-forwarded-for': '9.9.9.9' })).toBe(200)
      expect(payersOf(broker)).toEqual([`${CALLER} -`])
    } finally {
      outer.kill('SIGKILL')
    }
  },
)
