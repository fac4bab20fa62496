import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { startBroker, type Broker, type BrokerOptions } from '../support/start-broker.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/** Where Debian puts its Chromium; `undefined` where there is none, and tests that need it say so. */
export const CHROMIUM = [
  process.env['CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path))

/** Why a test with a browser is skipped. */
export const NEEDS_CHROMIUM = CHROMIUM === undefined ? ' (skipped: chromium is not installed)' : ''

/** A real broker with its dashboard as a process of its own on a port of loopback. */
export interface OpenDashboard extends AsyncDisposable {
  readonly broker: Broker
  /** Such as `http://127.0.0.1:40000`. */
  readonly origin: string
  /** A link that opens one session. */
  newLink(): Promise<string>
}

export async function openDashboard(options: BrokerOptions): Promise<OpenDashboard> {
  const broker = await startBroker(options)
  const dashboard = await launchDashboard(broker, options.env)
  const first = dashboard.link
  let isUsed = false
  return {
    broker,
    origin: new URL(first).origin,
    async newLink() {
      if (!isUsed) {
        isUsed = true
        return first
      }
      const reply = await broker.post(
        '/api/link',
        {},
        { socketPath: join(broker.sockets.folder, 'admin.sock') },
      )
      return (reply.json as { link: string }).link
    },
    async [Symbol.asyncDispose]() {
      dashboard.kill()
      await broker[Symbol.asyncDispose]()
    },
  }
}

/** Starts the program; resolves with the link that it prints. */
export async function launchDashboard(
  { folder }: Pick<Broker, 'folder'>,
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly link: string; kill(): void }> {
  const child = spawn(process.execPath, [join(ROOT, 'bin', 'hero_aibroker_admin.js'), '--port', '0'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      HERO_SOCKET_DIR: join(folder, 's'),
      PATH_VAR: join(folder, 'v'),
      ...env,
    },
  })
  const kill = (): boolean => child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('close', () => process.off('exit', kill))
  const link = await new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part
      const found = /http\S+/.exec(text)?.[0]
      if (found !== undefined && text.includes('\n')) resolve(found)
    })
    child.once('close', (code) => reject(new Error(`the dashboard ended with ${code}`)))
  })
  return { link, kill }
}

export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM ?? '',
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  })
}

/** A page that is logged in by a link; what its console and its requests complain of is collected. */
export interface WatchedPage {
  readonly page: Page
  readonly problems: string[]
  /** Addresses of everything that was loaded. */
  readonly loaded: string[]
}

export async function newPage(context: BrowserContext): Promise<WatchedPage> {
  const page = await context.newPage()
  const problems: string[] = []
  const loaded: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(message.text())
  })
  page.on('pageerror', (error) => problems.push(String(error)))
  page.on('request', (request) => loaded.push(request.url()))
  return { page, problems, loaded }
}
